# SPDX-License-Identifier: Apache-2.0
"""cfg - Python values as libconfig text: a dict is a group, a list of dicts a list"""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _text(value):
    return '"' + "".join(_ESCAPES.get(c, c) for c in value) + '"'


def _value(value, indent):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}L" if abs(value) >= 1 << 31 else str(value)
    if isinstance(value, dict):
        return "{\n" + _settings(value, indent + "  ") + indent + "}"
    if isinstance(value, (list, tuple)):
        items = [_value(v, indent + "  ") for v in value]
        if any(isinstance(v, (dict, list, tuple)) for v in value):
            return "( " + ",\n".join(items) + " )"
        return "[ " + ", ".join(items) + " ]"
    return _text(str(value))


def _settings(settings, indent):
    return "".join(f"{indent}{name} = {_value(value, indent)};\n"
                   for name, value in settings.items() if value is not None)


def cfg_format(settings):
    """The text of a file; settings that are None are left out."""
    return _settings(settings, "")
