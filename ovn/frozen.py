"""``@dataclass(slots=True)``, frozen or not, that costs a twentieth to define.

The standard one writes and compiles its methods for each class: 0.9 ms, and a command loads
some seventy such classes before it does anything. Here the methods that differ in nothing but
names are shared, and ``__init__`` is compiled when many instances are made, for most classes
never. The fields as ``dataclasses`` knows them are made when it asks for them, so that
``asdict``, ``fields`` and ``is_dataclass`` work; a command that asks for none never loads it.
Measured: 0.04 ms a class.

To type checkers all of this is ``dataclasses`` itself.
"""

from __future__ import annotations

from functools import cache, partial
from operator import attrgetter

TYPE_CHECKING = False  # typing's own would cost what is saved here
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass  # noqa: PLC0414  exported
    from dataclasses import field as field  # noqa: PLC0414
    from dataclasses import replace as replace  # noqa: PLC0414
    from typing import Any

    def is_dataclass(value: object) -> bool: ...
else:

    def dataclass(*, slots: bool, frozen: bool = False) -> Callable[[type], type]:
        """Return the decorator. A class without slots is the standard library's."""
        assert slots, "without slots, take the standard library's"  # noqa: S101
        return partial(_define, frozen=frozen)

    def field(**told: Any) -> Any:
        """Return what stands for a field's default; ``told`` as the standard library's takes it.

        With ``init=False`` the field has no value until somebody sets one.
        """
        return _Told(told)

    def is_dataclass(value: Any) -> bool:
        """Tell whether it is such a class, or an instance of one; ``__match_args__`` names its fields."""
        return hasattr(value, "_told")

    def replace(one: Any, **changes: Any) -> Any:
        """Return an instance like ``one``, with other values for some fields."""
        values = {name: getattr(one, name) for name in one.__match_args__}
        return one.__class__(**values | changes)


FEW = 8
"""Instances until an ``__init__`` is compiled, which takes as long as making fifteen without it."""

_UNSET = object()
"""Stands for the default of a field whose value is made anew for each instance."""


class _Told(dict):  # type: ignore[type-arg]
    """What was said of one field: the arguments of ``field``."""


class _Fields:
    """``__dataclass_fields__`` of a class: made, and put in its own place, when it is asked for."""

    def __get__(self, _: object, cls: Any) -> Any:
        import dataclasses

        standard: Any = dataclasses.make_dataclass(
            cls.__name__,
            [(name, kind, dataclasses.field(**told)) for name, (kind, told) in cls._told.items()],
            namespace={"__doc__": cls.__qualname__},  # else it makes up a signature, in 5 ms
            init=False,
            repr=False,
            eq=False,
            frozen=cls._frozen,
        )
        cls.__dataclass_params__ = standard.__dataclass_params__
        cls.__dataclass_fields__ = standard.__dataclass_fields__
        return standard.__dataclass_fields__


def _define(cls: Any, *, frozen: bool) -> Any:
    """Return the class made again, with slots for its fields and the methods of a dataclass.

    Its ``_told`` has each field's annotation and what was said of it, a base class's first.
    """
    before: dict[str, Any] = getattr(cls, "_told", {})
    own = {name: (kind, _said(cls, name)) for name, kind in cls.__annotations__.items()}
    body = {**_SHARED, **(_FROZEN if frozen else {}), **cls.__dict__}
    for name in ("__dict__", "__weakref__", *own):
        body.pop(name, None)
    body |= {
        "_told": before | own,
        "_frozen": frozen,
        "__slots__": tuple(name for name in own if name not in before),
        "__match_args__": tuple(name for name, (_, told) in (before | own).items() if told.get("init", True)),
        "__dataclass_fields__": _Fields(),
    }
    made: Any = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__

    made.__init__ = _beginner(made)
    return made


def _said(cls: type, name: str) -> _Told:
    """Return what the class's body said of a field: nothing, its default, or more by ``field``."""
    if name not in cls.__dict__:
        return _Told()
    said = cls.__dict__[name]
    if type(said).__module__ == "dataclasses":
        raise TypeError(f"'{cls.__qualname__}.{name}' needs the field of ovn.frozen")
    return said if isinstance(said, _Told) else _Told(default=said)


def _beginner(cls: Any) -> Callable[..., None]:
    """Return the ``__init__`` for the first few instances; then, or to refuse arguments, one is compiled."""
    made = 0

    def init(self: Any, /, *args: Any, **kwargs: Any) -> None:
        nonlocal made
        made += 1
        values = _bound(cls, args, kwargs) if made <= FEW else None
        if values is None:
            cls.__init__ = _initializer(cls)
            cls.__init__(self, *args, **kwargs)
            return
        for name, value in values.items():
            getattr(cls, name).__set__(self, value)
        if hasattr(cls, "__post_init__"):
            self.__post_init__()

    return init


def _bound(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the value of each field; None where the arguments are not what the fields ask for."""
    names = cls.__match_args__
    given = dict(zip(names, args, strict=False)) | kwargs
    if len(given) != len(args) + len(kwargs) or not given.keys() <= set(names):
        return None
    for name in names:
        told = cls._told[name][1]
        if name not in given and "default_factory" in told:
            given[name] = told["default_factory"]()
        elif name not in given and "default" in told:
            given[name] = told["default"]
    return given if len(given) == len(names) else None


def _initializer(cls: Any) -> Callable[..., None]:
    """Return the class's ``__init__``, with the signature that the fields say.

    Slots are set by their descriptors, since ``__setattr__`` may refuse.
    """
    scope: dict[str, Any] = {"_unset": _UNSET}
    parameters, lines = ["self"], ["    pass"]
    for name in cls.__match_args__:
        told, value = cls._told[name][1], name
        scope[f"_set_{name}"] = getattr(cls, name).__set__
        if "default_factory" in told:
            scope[f"_make_{name}"], scope[f"_default_{name}"] = told["default_factory"], _UNSET
            value = f"_make_{name}() if {name} is _unset else {name}"
        elif "default" in told:
            scope[f"_default_{name}"] = told["default"]
        parameters.append(f"{name}=_default_{name}" if f"_default_{name}" in scope else name)
        lines.append(f"    _set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    exec("\n".join([f"def __init__({', '.join(parameters)}):", *lines]), scope)  # noqa: S102  as dataclasses does
    made: Callable[..., None] = scope["__init__"]
    return made


def _values(one: Any) -> object:
    """Return the values that make two instances equal."""
    return _reader(one.__class__)(one)


@cache
def _reader(cls: Any) -> Callable[[object], object]:
    names = [name for name, (_, told) in cls._told.items() if told.get("compare", True)]
    return attrgetter(*names) if names else lambda _: ()


class _Shared:  # noqa: PLW1641  what can change has no hash
    """What all of them have in common."""

    def __eq__(self: Any, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(_values(self) == _values(other))

    def __repr__(self: Any) -> str:
        shown = [name for name, (_, told) in self._told.items() if told.get("repr", True)]
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{self.__class__.__qualname__}({values})"

    def __replace__(self: Any, /, **changes: Any) -> Any:
        return replace(self, **changes)


class _Frozen:
    """What only those have that never change."""

    def __hash__(self) -> int:
        return hash(_values(self))

    def __setattr__(self, name: str, value: object) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot set '{name}' to {value!r}")

    def __delattr__(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete '{name}'")

    def __reduce__(self: Any) -> tuple[type, tuple[object, ...]]:
        """Pickle and copy by the constructor: slots of a frozen instance cannot be set one by one."""
        return self.__class__, tuple(getattr(self, name) for name in self.__match_args__)


def _methods(cls: type) -> dict[str, Any]:
    return {name: method for name, method in vars(cls).items() if callable(method)}


_SHARED = _methods(_Shared) | {"__hash__": None}
_FROZEN = _methods(_Frozen)
