"""The readers of all data sets, each on its tiny layout, and what is wrong with lists and folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.convert import DATASET_LABELS
from models.errors import ModelError
from models.training import dfew, ferv39k, mafw
from models.training.clip_source import ClipSource, load_label_map, stop_on_problems, summary
from models.training.dfew import read_dfew
from models.training.ferv39k import read_ferv39k
from models.training.mafw import read_mafw
from models.training.own_videos import read_videos
from tests.tiny_datasets import make_dfew, make_ferv39k, make_mafw, make_videos

CLIPS, FRAMES, SIDE = 10, 3, 32
TRAIN_1 = "EmoLabel_DataSplit/train(single-labeled)/set_1.csv"


def make(maker: Callable[..., Path], root: Path, **options: str) -> Path:
    return maker(root, CLIPS, FRAMES, side=SIDE, **options)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(make_dfew, tmp_path / "dfew")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def check(source: ClipSource, dataset: str, folds: tuple[str, ...]) -> None:
    """All clips in the right classes, each tested in one fold at most and in one part of each."""
    assert (source.dataset, source.folds, len(source.clips), source.problems) == (dataset, folds, CLIPS, ())
    assert source.labels == DATASET_LABELS.get(dataset, ("happy", "surprise"))
    for clip in source.clips:
        number = int(clip.path.stem)
        assert source.labels[clip.target] == ("happy", "surprise")[(number - 1) % 2]
        assert clip.path.exists()
        assert tuple(clip.parts) == folds
        assert list(clip.parts.values()).count("test") <= 1
    for fold in folds:
        assert {clip.parts[fold] for clip in source.clips} == {"train", "test"}


@pytest.mark.parametrize("media", ["frames", "videos"])
def test_dfew(tmp_path: Path, media: str) -> None:
    source = read_dfew(make(make_dfew, tmp_path, media=media))
    check(source, "dfew", ("1", "2", "3", "4", "5"))
    assert source.media == {"frames": "Clip/clip_224x224", "videos": "Clip/original"}[media]
    assert source.label_map["1"] == "happy"


def test_ferv39k(tmp_path: Path) -> None:
    check(read_ferv39k(make(make_ferv39k, tmp_path / "a")), "ferv39k", ("official",))
    root = make(make_ferv39k, tmp_path / "b", media="videos")
    check(read_ferv39k(root, media="Clips"), "ferv39k", ("official",))
    with pytest.raises(
        ModelError, match=r"expected the clips in 2_ClipsforFaceCrop or .* \(--media names another\)"
    ):
        read_ferv39k(root)


def test_archives_unpacked_into_a_folder_of_their_name_are_found(tmp_path: Path) -> None:
    root = make(make_ferv39k, tmp_path)
    (root / "2_ClipsforFaceCrop").rename(root / "inner")
    (root / "2_ClipsforFaceCrop").mkdir()
    (root / "inner").rename(root / "2_ClipsforFaceCrop" / "2_ClipsforFaceCrop")
    check(read_ferv39k(root), "ferv39k", ("official",))
    lists = root / "4_setups" / "All_scenes" / "train_All.csv"
    lists.write_text("video_path label\n" + lists.read_text())  # copies with the names of the columns
    check(read_ferv39k(root), "ferv39k", ("official",))


@pytest.mark.parametrize("media", ["frames", "videos"])
def test_mafw(tmp_path: Path, media: str) -> None:
    check(read_mafw(make(make_mafw, tmp_path, media=media)), "mafw", ("1", "2", "3", "4", "5"))


def test_own_videos(tmp_path: Path) -> None:
    root = make_videos(tmp_path / "a", CLIPS, FRAMES, SIDE)
    source = read_videos(root)
    check(source, "videos", ("1", "2", "3", "4", "5"))
    assert [clip.parts for clip in read_videos(root).clips] == [clip.parts for clip in source.clips]
    assert read_videos(root, ["2"]).clips[0].parts.keys() == {"2"}
    with pytest.raises(ModelError, match="fold: expected one of 1, 2, 3, 4, 5, got '6'"):
        read_videos(root, ["6"])
    renamed = read_videos(root, label_map={"happy": "glad", "surprise": "amazed"})
    assert renamed.labels == ("amazed", "glad")
    assert {clip.name.split("/")[0]: clip.target for clip in renamed.clips} == {"happy": 1, "surprise": 0}
    (root / "sad").mkdir()
    with pytest.raises(ModelError, match="sad: expected videos, got none"):
        read_videos(root)


def test_own_videos_keep_a_persons_clips_together(tmp_path: Path) -> None:
    root = make_videos(tmp_path / "a", CLIPS, FRAMES, SIDE)
    for label in ("happy", "surprise"):
        for number, path in enumerate(sorted((root / label).glob("*.mp4"))):
            (root / label / f"person{number % 3}").mkdir(exist_ok=True)
            path.rename(root / label / f"person{number % 3}" / path.name)
    clips = read_videos(root).clips
    tested = {
        (clip.path.parent.name, fold) for clip in clips for fold in clip.parts if clip.parts[fold] == "test"
    }
    assert len(clips) == CLIPS
    assert len(tested) == len({person for person, _ in tested}) == 3


def test_own_videos_with_train_and_test_are_taken_as_they_are(tmp_path: Path) -> None:
    for part, clips in (("train", 6), ("test", 2)):
        make_videos(tmp_path / part, clips, FRAMES, SIDE)
    source = read_videos(tmp_path)
    assert source.folds == ("1",)
    assert [clip.parts["1"] for clip in source.clips].count("train") == 6
    assert len({clip.name for clip in source.clips}) == 8


@pytest.mark.parametrize("module", [dfew, ferv39k, mafw])
def test_the_table_in_the_docstring_is_the_label_map(module: object) -> None:
    text = module.__doc__ or ""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    columns = (
        rows[:1] + rows[2:]
        if len(rows[0]) == 2
        else [list(pair) for pair in zip(rows[0], rows[2], strict=True)]
    )
    written = {key: value for key, value in columns if key != "label in the lists"}
    assert written == module.LABEL_MAP  # type: ignore[attr-defined]
    assert set(written.values()) == set(module.LAYOUT.labels)  # type: ignore[attr-defined]


def test_what_is_missing_is_counted_and_stops(root: Path) -> None:
    for number in (2, 3, 5, 7):
        shutil.rmtree(root / "Clip" / "clip_224x224" / f"{number:05d}")
    source = read_dfew(root)
    assert len(source.clips) == 6
    with pytest.raises(ModelError) as told:
        stop_on_problems(source)
    assert "got 4 problems: " in str(told.value)
    assert "no folder of pictures and no video of that name" in str(told.value)
    assert "and 1 more (--missing skip goes on without)" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_fold_file_is_named_and_its_fold_left_out(root: Path) -> None:
    (root / TRAIN_1).unlink()
    source = read_dfew(root)
    assert source.folds == ("2", "3", "4", "5")
    assert summary(source.problems) == f"1 problem: {TRAIN_1}: no such file: fold 1 is left out"
    assert read_dfew(root, ["2"]).problems == ()  # not asked for
    with pytest.raises(ModelError, match=r"expected a list, got none: .*set_1.csv: no such file"):
        read_dfew(root, ["1"])
    with pytest.raises(ModelError, match="fold: expected one of 1, 2, 3, 4, 5 for dfew, got 'x'"):
        read_dfew(root, ["x"])
    shutil.rmtree(root / "EmoLabel_DataSplit")
    with pytest.raises(ModelError, match="expected the lists in EmoLabel_DataSplit, got no such folder"):
        read_dfew(root)


def test_a_label_out_of_range_is_named(root: Path) -> None:
    for fold in range(1, 6):
        for part in ("train", "test"):
            path = root / "EmoLabel_DataSplit" / f"{part}(single-labeled)" / f"set_{fold}.csv"
            path.write_text(path.read_text().replace("\n4,5", "\n4,9"))
    source = read_dfew(root)
    assert len(source.clips) == CLIPS - 1
    assert str(source.problems[0]).startswith("4: EmoLabel_DataSplit/")
    assert "label: expected one of 1, 2, 3, 4, 5, 6, 7, got '9'" in str(source.problems[0])


def test_a_clip_twice_is_named(root: Path) -> None:
    path = root / TRAIN_1
    line = path.read_text().splitlines()[1]
    path.write_text(path.read_text() + line + "\n")
    source = read_dfew(root)
    assert len(source.clips) == CLIPS
    assert "twice in EmoLabel_DataSplit/train" in str(source.problems[0])
    path.write_text(path.read_text() + line.split(",")[0] + ",3\n")
    with pytest.raises(ModelError, match=f"expected clip {line.split(',')[0]} labelled . as in .* got 3"):
        read_dfew(root)


def test_a_clip_in_both_parts_of_a_fold_is_refused(root: Path) -> None:
    line = (root / TRAIN_1).read_text().splitlines()[1]
    other = root / TRAIN_1.replace("train", "test")
    other.write_text(other.read_text() + line + "\n")
    with pytest.raises(ModelError, match=r"expected clip \d+ in one part of fold 1, got it in both"):
        read_dfew(root)


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a/../../b", "C:/x", "..\\x"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    root = make(make_mafw, tmp_path)
    path = root / "Train & Test Set" / "single" / "no_caption" / "set_1" / "train.txt"
    path.write_text(path.read_text() + f"{name}.mp4 anger\n")
    with pytest.raises(ModelError, match=r"train.txt line \d+: expected a clip inside the folder, got "):
        read_mafw(root)


def test_numbers_in_a_list_of_names_need_a_label_map(tmp_path: Path) -> None:
    root = make(make_mafw, tmp_path)
    for path in root.rglob("*.txt"):
        path.write_text(path.read_text().replace("happiness", "0").replace("surprise", "4"))
    assert "expected one of anger, disgust, " in str(read_mafw(root).problems[0])
    (tmp_path / "labels.toml").write_text('0 = "happy"\n4 = "surprise"\n')
    check(
        read_mafw(root, label_map=load_label_map(tmp_path / "labels.toml")), "mafw", ("1", "2", "3", "4", "5")
    )
    with pytest.raises(ModelError, match=r"label map: 0: expected one of angry, .*, got 'happiness'"):
        read_mafw(root, label_map={"0": "happiness"})
    (tmp_path / "labels.toml").write_text("0 = 1\n")
    with pytest.raises(ModelError, match="expected lines such as"):
        load_label_map(tmp_path / "labels.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns video_name,label, got nothing"),
        ("name,class\n1,1\n", "expected the columns video_name,label, got name,class"),
        ("video_name,label\n1\n", "line 2: expected a name and a label, got '1'"),
        ("\udcff", "expected a list in UTF-8"),
    ],
)
def test_a_damaged_list_is_told_in_one_line(root: Path, text: str, message: str) -> None:
    (root / TRAIN_1).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=message) as told:
        read_dfew(root)
    assert "\n" not in str(told.value)
