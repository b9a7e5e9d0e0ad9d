"""Inputs from a number: nearly right ones above all, since what is nonsense throughout is refused at the first look."""

import json
from random import Random
from typing import Any

NASTY = (
    "",
    " ",
    "\x00",
    "\r\nX-Injected: 1",
    '\n{"severity": "ERROR"}',
    "\u2028\u2029\x85",
    "\ud800",
    "\ud800\udc00",
    "\U0010ffff",
    "\u202egnp.exe\u2066",
    "<script>document.title='taken'</script>",
    "\"'><zz9 onload=alert(1)>",
    "</script><zz9>",
    "{{ 7 * 7 }}{% raw %}",
    '=HYPERLINK("http://evil","click")',
    "@SUM(1+1)|cmd",
    "../../etc/passwd",
    "//",
    ".",
    "..",
    "__id7__",
    "__type__",
    "²",
    "١٢٣",
    "1e999",
    "-0",
    "nan",
    "0x10",
    "9" * 5000,
    "a" * 70_000,
    "é" * 2000,
    "%00%ff%zz",
    "=?utf-8?b?AAECAw==?=",
    "=?x?q?=ff?=",
    "javascript:alert(1)",
    "true",
    "null",
)

NUMBERS = (0, 1, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**400, 0.0, -0.5, 1e308)


_MANY = 40
"""Of which nothing more is made: many of many are more than Pub/Sub or SQS takes, and most of the time that they take
is this file's own.
"""


class Draw(Random):
    """A source of chance for one input."""

    def once_in(self, times: int) -> bool:
        return self.randrange(times) == 0

    def text(self) -> str:
        match self.randrange(5):
            case 0:
                return self.choice(NASTY)
            case 1:
                return self.choice(NASTY) + self.choice(NASTY)
            case 2:
                return "".join(chr(self.randrange(0x20, 0x7F)) for _ in range(self.randrange(12)))
            case 3:
                return "".join(chr(self.randrange(0xD7FF)) for _ in range(self.randrange(6)))
        return self.choice(
            ("a/b", "k", "0" * 32, "list-20261128T200000-7", "2026-11-28T20:00:00.000Z", "10", "transfer")
        )

    def octets(self) -> bytes:
        return self.text().encode(errors="surrogatepass") if self.randrange(2) else self.randbytes(self.randrange(64))

    def number(self) -> int | float:
        return self.choice(NUMBERS) if self.randrange(2) else self.randrange(-5, 5000)

    def value(self, depth: int = 3) -> Any:
        """What JSON has."""
        match self.randrange(8 if depth else 5):
            case 0:
                return None
            case 1:
                return self.once_in(2)
            case 2:
                return self.number()
            case 3 | 4:
                return self.text()
            case 5 | 6:
                return [self.value(depth - 1) for _ in range(self.randrange(4))]
        return {self.text(): self.value(depth - 1) for _ in range(self.randrange(4))}

    def changed(self, value: Any) -> Any:
        """Something like a value: one thing in it, or nothing, is another."""
        if isinstance(value, dict) and value and not self.once_in(6):
            name = self.choice(list(value))
            match self.randrange(4):
                case 0:
                    return {key: item for key, item in value.items() if key != name}
                case 1:
                    name, more = self.text(), self.value(1)
                    count = self.choice((1, 1, 1, 300)) if len(value) < _MANY else 1
                    return {**value, **{f"{name}{number}": more for number in range(count)}}
            return {**value, name: self.changed(value[name])}
        if isinstance(value, list | tuple) and value and not self.once_in(4):
            index = self.randrange(len(value))
            if self.once_in(5) and len(value) < _MANY:
                return list(value) * self.choice((2, 40))
            return [*value[:index], self.changed(value[index]), *value[index + 1 :]]
        return self.value() if not self.once_in(5) else value

    def damaged(self, data: bytes) -> bytes:
        """Bytes with a few of them missing, doubled or others."""
        for _ in range(self.randrange(4)):
            start = self.randrange(len(data) + 1)
            stop = min(len(data), start + self.randrange(12))
            middle = self.choice((b"", self.octets(), data[start:stop] * 2, b"[" * self.choice((3, 100_000))))
            data = data[:start] + middle + data[stop:]
        return data

    def json(self, example: Any) -> bytes:
        """JSON like an example, or what is none."""
        if self.once_in(12):
            return self.octets()
        value = self.changed(example)
        for _ in range(self.randrange(3)):
            value = self.changed(value)
        encoded = json.dumps(value, ensure_ascii=self.once_in(2)).encode(errors="surrogatepass")
        return self.damaged(encoded) if self.once_in(4) else encoded
