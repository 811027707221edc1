import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymodal.data.dates import date_order, read_dates

EPOCH = dt.date(1970, 1, 1)


def texts(*values: str | None) -> pa.LargeStringArray:
    return pa.array(list(values), pa.large_string())


def read(written: str, order: str = "dmy") -> float:
    return float(read_dates(texts(written), order)[0])


@given(st.dates(dt.date(1970, 1, 1), dt.date(2068, 12, 31)), st.sampled_from(["dmy", "mdy"]))
def test_every_way_of_writing_a_date_gives_that_day(day, order):
    lead = "%d/%m/%Y" if order == "dmy" else "%m/%d/%Y"
    ways = ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y%m%d", "%d %b %Y", "%B %d, %Y", lead, lead.replace("Y", "y")]
    days = read_dates(texts(*(day.strftime(way) for way in ways)), order)
    assert days.tolist() == [(day - EPOCH).days] * len(ways)


@given(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1)))
def test_the_time_of_day_is_the_fraction(moment):
    seconds = (moment - dt.datetime(1970, 1, 1)).total_seconds()
    assert read(moment.isoformat()) * 86400 == pytest.approx(seconds, abs=1e-2)


@given(st.lists(st.text(max_size=20) | st.dates().map(str), min_size=1, max_size=3))
def test_a_text_is_read_alike_alone_and_in_company(values):
    values = [value.strip() for value in values]
    np.testing.assert_array_equal(read_dates(texts(*values), "dmy"), [read(value) for value in values])


@pytest.mark.parametrize(
    ("written", "same"),
    [("2020-01-31T12:00:00Z", "2020-01-31 12:00"),
     ("2020-01-31 14:30 +02:30", "2020-01-31 12:00"),
     ("1/31/20 1:30 pm", "2020-01-31 13:30"), ("12:00", None),
     ("31. März 2020", "2020-03-31"),
     ("2020-02", "2020-02-01"), ("3 okt 2020", "2020-10-03"),
     ("Mon, 5 Jan 2020", "2020-01-05"), ("1er mai 2020", None)],
)  # fmt: skip
def test_other_ways(written, same):
    assert np.isnan(read(written)) if same is None else read(written) == read(same)


@pytest.mark.parametrize("written", ["2021-02-29", "31.06.2020", "2020-13-01", "0/1/2020", "5", "2020", "", "1.2.3.4"])
def test_no_date(written):
    assert np.isnan(read(written))


def test_a_date_that_has_one_meaning_only_keeps_it_in_either_order():
    assert read("31/1/2020", "mdy") == read("1/31/2020", "dmy") == read("2020-01-31")
    assert read("3.4.2020", "mdy") == read("2020-04-03")


@pytest.mark.parametrize(
    ("values", "order"),
    [(["3/4/2020", "13/4/2020"], "dmy"), (["3/4/2020", "4/13/2020"], "mdy"), (["1/2/2020", "1/3/2020"], "dmy"),
     (["2/1/2020", "3/1/2020"], "mdy"), (["13/1/2020", "1/14/2020", "15/1/2020"], "dmy")],
)  # fmt: skip
def test_the_order_comes_from_the_dates_themselves(values, order):
    assert date_order(texts(*values))[0] == order


def test_nothing_stays_nothing():
    assert np.isnan(read_dates(texts(None, "2020-01-01", None), "dmy")).tolist() == [True, False, True]
