import pytest

from worker.training import dataset

HEADER = "path,kind,pet_id,source,species,breed,recorded_at,rater_a,rater_b,rater_c\n"
GOOD = "a.mp4,clip,rex,phone,dog,Beagle,2026-05-01T17:30:00+02:00,Relaxed,Relaxed,Alert\n"


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a table beside some files and reads it."""
    for i, name in enumerate(["a.mp4", "b.mp4", "c.jpg", "d.wav", "e.mp4", "f.mp4"]):
        (tmp_path / name).write_bytes(bytes([i + 1]) * 10)
    (tmp_path / "copy.mp4").write_bytes(bytes([1]) * 10)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()

    def write(text: str | bytes) -> dataset.Dataset:
        path = tmp_path / "labels.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return dataset.read(path)

    return write


def said(table, text) -> list[str]:
    with pytest.raises(dataset.DatasetInvalid) as caught:
        table(text)
    assert all(m in caught.value.detail for m in caught.value.mistakes)
    return caught.value.mistakes


def test_a_good_table_is_read(table):
    rows = "c.jpg,image,tom,,cat,,,Anxious,,\nd.wav,audio,tom,,cat,,,,Anxious,Distressed\n"
    found = table("\ufeff" + HEADER + GOOD + rows)
    assert found.raters == ("a", "b", "c")
    assert [one.kind for one in found.examples] == ["clip", "image", "audio"]
    assert found.examples[0].votes == (0, 0, 1)
    assert found.examples[0].recorded_at.isoformat() == "2026-05-01T15:30:00+00:00"
    assert found.examples[2].votes == (None, 2, 4)


ROWS = [
    ("b.mp4,clip,rex", "3 cells where the header has 10"),
    (",clip,p1,,dog,,,Alert,,", "column path: empty"),
    ("/etc/passwd,clip,p2,,dog,,,Alert,,", "must stay inside"),
    ("../a.mp4,clip,p2,,dog,,,Alert,,", "must stay inside"),
    ("none.mp4,clip,p3,,dog,,,Alert,,", "none.mp4 does not exist"),
    ("folder.mp4,clip,p3,,dog,,,Alert,,", "is not a file"),
    ("empty.mp4,clip,p3,,dog,,,Alert,,", "empty.mp4 is empty"),
    ("b.mp4,film,p4,,dog,,,Alert,,", '"film" is none of clip, image, audio'),
    ("c.jpg,clip,p4,,dog,,,Alert,,", "c.jpg does not look like clip"),
    ("b.mp4,clip,,,dog,,,Alert,,", "column pet_id: empty"),
    ("b.mp4,clip,p5,,wolf,,,Alert,,", '"wolf" is neither dog nor cat'),
    (f"b.mp4,clip,p5,{'x' * 201},dog,,,Alert,,", "column source: at most 200"),
    ("b.mp4,clip,p5,,dog,be\x07agle,,Alert,,", "column breed: at most 200 printable"),
    ("b.mp4,clip,p5,,dog,,yesterday,Alert,,", '"yesterday" is no time'),
    ("b.mp4,clip,p5,,dog,,2026-05-01T17:30:00,Alert,,", "lacks its time zone"),
    ("b.mp4,clip,p5,,dog,,2126-05-01T17:30:00Z,Alert,,", "not between the year 2000 and now"),
    ("b.mp4,clip,p5,,dog,,,alert,,", 'column rater_a: "alert" is no label; did you mean Alert?'),
    ("b.mp4,clip,p5,,dog,,,,,", "no vote"),
    ("a.mp4,clip,rex,,dog,Beagle,,Alert,,", "the same path as line 2"),
    ("copy.mp4,clip,rex,,dog,Beagle,,Alert,,", "the same bytes as line 2"),
    ("e.mp4,clip,rex,,cat,Beagle,,Alert,,", "rex is dog in line 2"),
    ("f.mp4,clip,rex,,dog,Boxer,,Alert,,", "rex is Beagle in line 2"),
]


def test_twenty_kinds_of_mistakes_are_all_told_at_once_with_their_lines(table):
    mistakes = said(table, HEADER + GOOD + "".join(f"{row}\n" for row, _ in ROWS))
    for line, (_, text) in enumerate(ROWS, start=3):
        assert [m for m in mistakes if m.startswith(f"line {line}") and text in m], (line, text)
    assert len(mistakes) == len(ROWS) >= 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "column path is missing"),
        (HEADER, "no rows"),
        (HEADER.replace("species", "specie") + GOOD, "unknown; did you mean species?"),
        (HEADER.replace("source", "path") + GOOD, "column path occurs twice"),
        (HEADER.replace("rater_", "who_") + GOOD, "no rater"),
        (HEADER.replace(",", ";") + GOOD, "line 1: the separator seems to be ';'"),
        (HEADER.replace(",", "\t") + GOOD, "line 1: the separator seems to be a tab"),
        (b"\xef\xbb\xbfa,b\nc,d\nK\xe4the,d", "line 3: is not in UTF-8"),
    ],
)  # fmt: skip
def test_a_table_that_is_wrong_as_a_whole_says_so(table, text, expected):
    assert expected in " ".join(said(table, text))


@pytest.mark.parametrize("open_", [dataset.read, dataset.digest])
def test_a_table_that_is_not_there_says_so(tmp_path, open_):
    with pytest.raises(dataset.DatasetInvalid, match=r"none\.csv does not exist"):
        open_(tmp_path / "none.csv")
    with pytest.raises(dataset.DatasetInvalid, match="is a directory"):
        open_(tmp_path)


def test_a_table_is_the_same_one_after_a_visit_to_windows(tmp_path):
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    here.write_bytes(b"path,kind\na.png,image\n")
    there.write_bytes(b"path,kind\r\na.png,image\r\n")
    assert dataset.digest(here) == dataset.digest(there)


def test_a_separator_is_the_only_mistake_told(table):
    assert len(said(table, HEADER.replace(",", ";") + GOOD)) == 1


def test_a_question_ends_a_sentence(table):
    assert said(table, HEADER + GOOD.replace("Alert", "alert"))[0].endswith("did you mean Alert?")
