"""Parts of the page, by hand-computed numbers: measurements, layers, pictures, charts, formats."""

import re

import numpy as np
import pytest

from keypoints.config.params import Params
from keypoints.core.landmarks import IBUG_68, IMM_58, Contour
from keypoints.crops.format import Task
from keypoints.models.build import build_network, read_model_settings
from keypoints.models.network import LandmarkNetwork
from keypoints.report import analysis, charts, layers, pictures, template


def faces(count: int = 1) -> np.ndarray:
    """Faces with eyes 100 px apart, the nose below their midpoint and a mouth 50 px wide."""
    points = np.zeros((count, 68, 2))
    points[:, 36], points[:, 45], points[:, 30] = (0, 0), (100, 0), (50, 40)
    points[:, list(IBUG_68.parts["mouth"])] = (50, 80)
    points[:, 48], points[:, 54] = (25, 80), (75, 80)
    return points


def build(params: Params, name: str, n_points: int) -> LandmarkNetwork:
    settings = read_model_settings(params, name)
    task = params.entry("tasks", settings.task, Task)
    return build_network(settings, task, n_points, seed=1)


def rotated(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("degrees", [0, 30, -75])
def test_yaw_is_the_nose_offset_independent_of_the_roll(degrees: float) -> None:
    points = faces(2)
    points[1, 30] = (70, 40)
    assert analysis.yaw_proxy(rotated(points, degrees), IBUG_68) == pytest.approx([0, 0.2])


@pytest.mark.parametrize("degrees", [0, 30])
def test_pitch_is_the_place_of_the_nose_between_eyes_and_mouth(degrees: float) -> None:
    points = faces(2)
    points[1, 30] = (50, 60)
    assert analysis.pitch_proxy(rotated(points, degrees), IBUG_68) == pytest.approx([0.5, 0.75])


@pytest.mark.parametrize("degrees", [0, 30])
def test_mouth_width_is_measured_along_the_eyes(degrees: float) -> None:
    points = rotated(faces(), degrees)
    assert analysis.mouth_width(points, IBUG_68) == pytest.approx([0.5])


def test_distance_to_the_centre_is_that_of_the_mean_landmark() -> None:
    points = np.full((1, 58, 2), 3.0) + (0, 1)
    assert analysis.distance_to_centre(points, np.zeros(2)) == pytest.approx([5])


def test_rank_correlation_depends_on_the_order_only() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert analysis.rank_correlation(values, values**3) == pytest.approx(1)
    assert analysis.rank_correlation(values, -values) == pytest.approx(-1)
    assert analysis.rank_correlation(values, np.ones(4)) == 0


def test_terciles_divide_the_faces_by_a_value() -> None:
    values = np.array([30.0, 10.0, 20.0, 60.0, 40.0, 50.0])
    rows = analysis.terciles(values, values / 1000, ("small", "medium", "large"), " px")
    assert [row.label for row in rows] == [
        "small (10 to 20 px)",
        "medium (30 to 40 px)",
        "large (50 to 60 px)",
    ]
    assert [row.nme for row in rows] == pytest.approx([0.015, 0.035, 0.055])
    assert rows[0].margin == pytest.approx(1.96 * np.std([0.01, 0.02], ddof=1) / np.sqrt(2))


def test_a_flipped_copy_is_found_by_its_name() -> None:
    names = ["afw/1_1", "afw/1_1_mirror", "afw/2_1_mirror", "afw/3_1"]
    assert analysis.find_flipped_copies(names) == [(0, 1)]
    assert analysis.drop_flipped_copies(np.array([3, 1, 0, 2]), names).tolist() == [3, 0, 2]


def test_the_error_of_a_point_is_in_percent_of_the_inter_ocular_distance() -> None:
    target = faces(2)
    predicted = target.copy()
    predicted[0, 8] += (3, 4)
    errors = analysis.point_errors(predicted, target, np.array([100.0, 100.0]))
    assert errors[8] == pytest.approx(2.5)
    assert errors.sum() == pytest.approx(2.5)


def test_the_eyes_of_the_mean_shape_are_one_unit_apart() -> None:
    shape = analysis.mean_shape(np.concatenate([faces(), 3 * faces() + 7]), IBUG_68)
    assert shape[36].tolist() == pytest.approx([-0.5, 0])
    assert shape[45].tolist() == pytest.approx([0.5, 0])
    assert shape[30].tolist() == pytest.approx([0, 0.4])


def test_layers_of_the_small_network_have_the_shapes_of_the_write_up(params: Params) -> None:
    network = build(params, "nose_net", 1)
    found = layers.list_layers(network, 1, (60, 80))
    assert [(layer.kind, layer.shape) for layer in found[:3]] == [
        ("convolution 7 × 7", "32 × 54 × 74"),
        ("ReLU", "32 × 54 × 74"),
        ("max-pool 2 × 2", "32 × 27 × 37"),
    ]
    assert [layer.shape for layer in found if layer.kind == "fully connected"] == ["240", "2"]
    assert found[0].n_parameters == 32 * 49 + 32
    assert sum(layer.n_parameters for layer in found) == sum(
        p.numel() for p in network.parameters()
    )


def test_one_picture_shows_all_filters_of_face_net(params: Params) -> None:
    network = build(params, "face_net", 58)
    filters = layers.first_filters(network).numpy()
    picture = pictures.filters_picture(filters, columns=13)
    assert filters.shape == (65, 1, 3, 3)
    assert picture.shape == (5 * 32 + 8, 13 * 32 + 8, 4)
    assert (picture[..., 3] > 0).sum() == 65 * 24 * 24


def test_points_of_a_face_lie_at_the_centres_of_their_pixels() -> None:
    image = np.zeros((100, 200, 1), np.uint8)
    target = np.array([(10.0, 20.0), (np.nan, np.nan), (99.0, 50.0)])
    svg = pictures.face_picture(image, alt='a "face"', target=target)
    assert 'viewBox="0 0 200 100" width="200" height="100"' in svg
    assert 'aria-label="a &#34;face&#34;"' in svg
    assert re.findall(r'class="annotated"[^>]* d="([^"]*)"', svg) == ["M10.5 20.5h0M99.5 50.5h0"]
    assert "predicted" not in svg


def test_contours_are_lines_and_a_zoomed_picture_is_a_square_around_the_points() -> None:
    image = np.zeros((100, 200, 1), np.uint8)
    points = np.array([(40.0, 30.0), (60.0, 30.0), (50.0, 50.0)])
    contour = Contour((0, 1, 2), closed=True)
    svg = pictures.face_picture(image, alt="", predicted=points, contours=[contour], zoom=True)
    assert 'viewBox="35 22 30 30" width="30" height="30"' in svg
    assert 'd="M40.5 30.5L60.5 30.5L50.5 50.5Z"' in svg


def test_a_chart_uses_the_colours_of_the_page_and_contains_no_date() -> None:
    line = charts.Series("a & b", np.arange(3), np.array([1.0, 2.0, 3.0]))
    first, second = (
        charts.line_chart([line], alt="it rises & rises", x_label="x", y_label="y")
        for _ in range(2)
    )
    assert first == second
    assert "var(--series-1)" in first
    assert 'aria-label="it rises &amp; rises"' in first
    assert "://" not in first
    assert not re.search("|".join(charts.SERIES), first)


def test_the_mean_face_chart_has_a_dot_for_each_point() -> None:
    shape = np.random.default_rng(1).uniform(size=(58, 2))
    percent, contours = np.linspace(1, 5, 58), IMM_58.contours
    chart = charts.mean_face_chart(shape, percent, contours, alt="mean face", norm="eye distance")
    assert "error, % of the eye distance" in chart
    assert chart.count("<use") >= 58 or chart.count("<path") >= 58


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (template.percent(0.0512), "5.1\N{NO-BREAK SPACE}%"),
        (template.duration(5.24), "5.2 s"),
        (template.duration(200), "3 min 20 s"),
        (template.duration(3900 * 2), "2 h 10 min"),
        (template.scientific(0.00234).replace("\N{NO-BREAK SPACE}", " "), "2.34 × 10⁻³"),
        (template.scientific(0.5), "0.5"),
        (template.thousands(97376), "97,376"),
    ],
)
def test_numbers_are_formatted_for_readers(written: str, expected: str) -> None:
    assert written == expected
