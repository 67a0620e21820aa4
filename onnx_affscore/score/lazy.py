"""A property that is computed once for each instance, without a lock."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, final, overload

__all__ = ["lazy"]

T = TypeVar("T")


@final
class lazy(Generic[T]):  # noqa: N801 - used as a decorator, like cached_property
    """``functools.cached_property`` that lets instances in other threads go on.

    Before Python 3.12 that one holds one lock for all instances of a class while it computes. Two
    threads that ask one instance at a time may both compute, with the same result.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "lazy[T]": ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> "T | lazy[T]":
        if instance is None:
            return self
        value = self._compute(instance)
        instance.__dict__[self._name] = value  # found before this descriptor from now on
        return value
