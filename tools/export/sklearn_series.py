"""One small ReLU perceptron in two series: five seeds, and checkpoints of the first of them."""

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.neural_network import MLPClassifier

from tools.export.manifest import Site
from tools.export.publish import LEAST_ACCURACY, Origin, publish
from tools.train.sklearn_loop import HIDDEN, train
from tools.train.split import load_part

SEEDS = range(5)
EPOCHS = (1, 2, 4, 8, 30, 100)
SITES = (*(Site("Relu", "hidden", width) for width in HIDDEN), Site("Softmax", "head", 10))
OPSET = 17


def save(net: MLPClassifier, name: str, *, folder: str, seed: int, least: float) -> None:
    """Export and publish one network into a folder of its series."""
    test = load_part("pixels", "test")
    model = to_onnx(
        net,
        initial_types=[("pixels", FloatTensorType([None, test.x.shape[1]]))],
        target_opset=OPSET,
        options={"zipmap": False},
    )
    origin = Origin(
        name=name,
        framework="scikit-learn",
        exporter="skl2onnx",
        route="skl2onnx",
        seed=seed,
        input="pixels",
        output="probabilities",
        sites=SITES,
        folder=folder,
        script="tools/export/sklearn_series.py",
        least_accuracy=least,
    )
    publish(model, origin, wanted=net.predict_proba(test.x))


def main() -> None:
    """Train and publish both series."""
    for seed in SEEDS:
        for epoch, net in train(seed=seed, epochs=EPOCHS):
            if seed == 0:
                name = f"relu_mlp_epoch{epoch:03d}"
                save(net, name, folder="checkpoints", seed=seed, least=0.0)
            if epoch == EPOCHS[-1]:
                name = f"relu_mlp_seed{seed}"
                save(net, name, folder="seeds", seed=seed, least=LEAST_ACCURACY)


if __name__ == "__main__":
    main()
