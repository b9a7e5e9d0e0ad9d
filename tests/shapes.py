"""Keys of every shape that S3 takes, by what becomes of them at Cloud Storage."""

IDENTICAL = [
    "a space", "two  spaces ", " lead", "plus+", "percent%2F", "percent%", "hash#", "question?mark", "amp&sand", "semi;colon",
    "a//b", "/lead", "//", "a/../b", "../up", "./here", "dots...", "trailing.", "dir/", "dir/sub/", "quote\"'<>", "back\\slash",
    "nfc-caf\u00e9", "nfd-cafe\u0301", "\U0001f680", "\ue000", "日本語/ключ", "tab\tbed", "bell\x07", "\x01control", "del\x7f",
    "tilde~", "star*", "[bracket]", "k" * 1024, ("é" * 512)[:512], ".well-known/other", "x/.well-known/acme-challenge/token",
    "empty", ".s3-names/own",
]  # fmt: skip
ENCODED = ["line\nfeed", "carriage\rreturn", ".well-known/acme-challenge/x", ".", ".."]
TOO_LONG = ["\n" * 1024]


def encoded(key: str) -> str:
    """Where the copy of a key lies that Cloud Storage refuses, if such keys are encoded."""
    return ".s3-names/" + "".join(f"%{byte:02X}" if chr(byte) in "\n\r/" else chr(byte) for byte in key.encode())
