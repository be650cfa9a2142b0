"""The page docs/api/python.md is the package's public names with their docstrings; DDOQ_WRITE_DOCS=1 writes it anew."""
import ast
import inspect
import os
import pathlib
import re
import textwrap
import unittest

import ddoq

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "api" / "python.md"


class Annotation(str):
    """Shown as it stands in the source, without quotation marks."""

    __repr__ = str.__str__


def signature(function):
    found = inspect.signature(function)
    result = found.return_annotation
    return str(found.replace(
        parameters=[one.replace(annotation=Annotation(one.annotation)) if isinstance(one.annotation, str) else one
                    for name, one in found.parameters.items() if name != "self"],
        return_annotation=Annotation(result.strip("\"'")) if isinstance(result, str) else result))


def heading(name, value):
    if inspect.isclass(value) and issubclass(value, (tuple, Exception)):
        return f"class {name}({value.__bases__[0].__name__ if value.__bases__[0] is not tuple else 'NamedTuple'})"
    if inspect.isclass(value) and hasattr(value, "__dataclass_fields__"):
        return f"class {name}"  # its fields follow
    if inspect.isclass(value):
        return f"class {name}{signature(value)}".replace(" -> None", "")
    return f"{name}{signature(value)}"


def paragraphs(docstring):
    """Docstrings as Markdown: a name alone on its line, with indented text below, becomes an entry of a list."""
    lines, result = inspect.cleandoc(docstring).replace("``", "`").splitlines(), []
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if set(line) == {"-"}:
            continue
        if set(following) == {"-"}:
            result += [f"{line}:", ""]
        elif line and not line.startswith(" ") and following.startswith("    "):
            result.append(f"- `{line}`:")
        elif line.startswith(" "):
            result[-1] += " " + line.strip()
        elif line and result and re.match(r"- `[^`]*`$", result[-1]):
            result.append(f"- `{line}`")
        elif re.match(r"\w+ : ", line):
            result.append(f"- `{line}`")
        elif line and result and result[-1] and not result[-1].startswith("- "):
            result[-1] += " " + line
        else:
            result.append(line)
    return result


def fields(value):
    """Annotated names of a class with the text below each."""
    body = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0].body
    for field, text in zip(body, body[1:] + [ast.Pass()]):
        if isinstance(field, ast.AnnAssign):
            note = text.value.value if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) else ""
            yield f"- `{field.target.id}: {ast.unparse(field.annotation)}`" + (f" {' '.join(note.replace('``', '`').split())}" if note else "")


def members(value):
    for name, member in sorted(vars(value).items()):
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, (property, classmethod))):
            function = member.fget if isinstance(member, property) else getattr(value, name)
            arguments = "" if isinstance(member, property) else signature(function)
            yield f"- `{name}{arguments}` {' '.join(inspect.cleandoc(function.__doc__ or '').replace('``', '`').split())}"


def page():
    parts = ["# ddoq for Python", "", *paragraphs(ddoq.__doc__)]
    for name in ddoq.__all__:
        value = getattr(ddoq, name)
        parts += ["", f"## {name}", ""]
        if not inspect.isclass(value) and not inspect.isfunction(value):
            parts += [f"`{name}`: {', '.join(f'`{one}`' for one in value)}"]
            continue
        where = pathlib.Path(inspect.getsourcefile(value)).name
        parts += [f"`{heading(name, value)}` [source](../../python/src/ddoq/{where})", "", *paragraphs(value.__doc__)]
        if inspect.isclass(value):
            listed = [*fields(value), *members(value)]
            parts += ["", *listed] if listed else []
    return re.sub(r"\n{3,}", "\n\n", re.sub(r":\w+:(`[^`]*`)", r"\1", "\n".join(parts))) + "\n"


class ApiPageTests(unittest.TestCase):
    def test_the_page_is_up_to_date(self):
        expected = page()
        if os.environ.get("DDOQ_WRITE_DOCS") == "1":
            PAGE.write_text(expected, encoding="utf-8")
        self.assertEqual(PAGE.read_text(encoding="utf-8"), expected, "DDOQ_WRITE_DOCS=1 python3 -m unittest discover python/tests writes it anew")

    def test_every_public_name_says_what_it_is(self):
        for name in ddoq.__all__:
            value = getattr(ddoq, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                self.assertTrue(value.__doc__, name)


if __name__ == "__main__":
    unittest.main()
