import dataclasses

from tests.helpers.monitoring_case import make_reference
from tsforecast.monitoring.series_references import SeriesReferences, write_references


def test_each_series_is_read_from_its_place_in_the_file(tmp_path):
    reference = make_reference()
    other = dataclasses.replace(reference, residuals=None, promised=(0.5,))
    path = tmp_path / "references"
    path.write_bytes(write_references([("north\n[1]", reference), ("süd", other)]))
    references = SeriesReferences(path)
    assert len(references) == 2
    assert references.of("north\n[1]").to_dict() == reference.to_dict()
    assert references.of("süd").to_dict() == other.to_dict()
    assert references.of("west") is None
    assert "süd" in references
    assert "west" not in references
