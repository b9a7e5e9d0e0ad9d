"""Which version this is. `bucket-transfer --version`, the first line that an instance logs, the User-Agent of a request
and the report say it. pyproject.toml reads it from here, because the functions are deployed without that file.
"""

VERSION = "0.1.0"
