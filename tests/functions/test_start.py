"""How a function's process starts, or says why it does not."""

from pathlib import Path

import pytest

from local.children import StackError
from local.deployed import FUNCTIONS, function_process
from local.emulators.loopback import free_port


@pytest.mark.parametrize("name", FUNCTIONS)
def test_missing_settings_stop_the_start_with_one_message(name: str, tmp_path: Path) -> None:
    child = function_process(name, free_port(), {"CDN_URL": "ftp://nowhere", "SOURCE_BUCKET": "from-here"}, tmp_path)
    child.start()
    with pytest.raises(StackError) as caught:
        child.wait_ready()
    said = str(caught.value)
    for setting in ("GOOGLE_CLOUD_PROJECT", "DESTINATION_BUCKET", "LIST_TOPIC", "TRANSFER_TOPIC", "VERIFY_TOPIC"):
        assert f"{setting} is missing" in said
    assert "CDN_URL: must begin with https://" in said
    assert "SOURCE_BUCKET" not in said
    assert "Traceback" not in said
