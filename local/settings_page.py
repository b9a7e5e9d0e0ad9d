"""Prints docs/settings.md from the settings themselves: `python -m local.settings_page > docs/settings.md`."""

from pydantic_core import PydanticUndefined

from shared.settings import TOPICS


def page() -> str:
    """The page, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Environment variables of the three functions. All three read the same ones. Sizes in bytes, times in seconds.",
    ]
    for topic in TOPICS:
        lines += ["", f"## {topic.__name__.removesuffix('Settings')}", "", topic.__doc__ or "", ""]
        lines += ["| Variable | Default | Meaning |", "|---|---|---|"]
        for name, field in topic.model_fields.items():
            required = field.default is PydanticUndefined
            default = (
                "**required**" if required else f"`{field.default}`" if field.default not in (None, "", ()) else ""
            )
            lines.append(f"| `{name.upper()}` | {default} | {field.description} |")
    clients = (
        "`STORAGE_EMULATOR_HOST`, `PUBSUB_EMULATOR_HOST`, `FIRESTORE_EMULATOR_HOST`, `SECRET_MANAGER_EMULATOR_HOST`,\n"
        "and for the command-line tool `MONITORING_EMULATOR_HOST`"
    )
    lines += ["", "Besides, the client libraries' own variables point to a local stack:", f"{clients}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
