"""Archives: what is read, and what is refused."""

import gzip
import hashlib
import tarfile

import pytest

from labelpolicy.data.readers.archive import content_sha256, members
from labelpolicy.errors import LabelPolicyError


def test_members_are_matched_by_name_or_path(pack):
    folder = tarfile.TarInfo("x/folder.sgm")
    folder.type = tarfile.DIRTYPE
    path = pack({"./b.sgm": b"b", "x/a.sgm": b"a", "x/folder.sgm": folder, "README": b"r"})
    assert list(members(path, "*.sgm")) == [("b.sgm", b"b"), ("x/a.sgm", b"a")]
    assert list(members(path, "x/*.sgm")) == [("x/a.sgm", b"a")]


def test_content_checksum_does_not_depend_on_packing(pack):
    expected = hashlib.sha256(b"onetwo").hexdigest()
    assert content_sha256(pack({"1.sgm": b"one", "2.sgm": b"two", "note": b"x"}), "*.sgm") == expected
    assert content_sha256(pack({"2.sgm": b"two", "1.sgm": b"one"}), "*.sgm") == expected


@pytest.mark.parametrize("name", ["/etc/a.sgm", "../a.sgm", "x/../../a.sgm", "../unwanted"])
def test_a_member_outside_is_refused(pack, name):
    with pytest.raises(LabelPolicyError, match="points outside") as error:
        list(members(pack({name: b"x"}), "*.sgm"))
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_is_refused(pack, kind):
    info = tarfile.TarInfo("a.sgm")
    info.type, info.linkname = kind, "b.sgm"
    with pytest.raises(LabelPolicyError, match=r"member 'a\.sgm' is a link"):
        list(members(pack({"a.sgm": info}), "*.sgm"))


def test_every_truncation_is_an_error(pack):
    path = pack({"a.sgm": bytes(range(256)) * 20, "b.sgm": b"b"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(LabelPolicyError, match="truncated or not"):
            list(members(path, "*.sgm"))


def test_a_truncated_tar_in_a_whole_gzip_is_an_error(pack):
    path = pack({"a.sgm": b"a" * 5000})
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:3000]))
    with pytest.raises(LabelPolicyError, match="truncated"):
        list(members(path, "*.sgm"))


def test_a_flipped_byte_is_an_error(pack):
    path = pack({"a.sgm": b"a" * 5000})
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # in the CRC at the end
    path.write_bytes(content)
    with pytest.raises(LabelPolicyError, match="CRC"):
        list(members(path, "*.sgm"))


def test_other_files_and_no_file(tmp_path):
    (tmp_path / "page.tar.gz").write_text("<html>404</html>")
    with pytest.raises(LabelPolicyError, match=r"not a \.tar\.gz"):
        list(members(tmp_path / "page.tar.gz", "*"))
    with pytest.raises(LabelPolicyError, match="no such file"):
        list(members(tmp_path / "absent.tar.gz", "*"))
