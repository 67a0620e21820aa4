"""A multilayer perceptron behind a StandardScaler: two tanh layers and a softmax head."""

from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tools.export.export_sklearn import Recipe, build
from tools.export.manifest import Site

HIDDEN = (128, 64)
SITES = (*(Site("Tanh", "hidden", width) for width in HIDDEN), Site("Softmax", "head", 10))


def mlp(seed: int) -> Pipeline:
    """Return the unfitted classifier."""
    perceptron = MLPClassifier(
        HIDDEN, activation="tanh", alpha=1e-2, max_iter=400, random_state=seed
    )
    return make_pipeline(StandardScaler(), perceptron)


if __name__ == "__main__":
    build(Recipe("sklearn_mlp", mlp, SITES, opset=17))
