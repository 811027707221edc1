"""Plain data (YAML, JSON) and the objects it stands for.

A spec says where the rows are, what describes them, what is asked, and how to train. `load` reads one with line and
column of every mistake; `Spec.build` makes the objects; `describe` writes an object down again. What a part may be told
is declared once, by the annotations of its constructor.

>>> from polymodal.spec import describe
>>> from polymodal.tasks import Regression
>>> describe(Regression(target="score"))["type"]
'regression'
"""

from polymodal.spec.parts import describe
from polymodal.spec.sections import DataSection, Join, SplitSection
from polymodal.spec.spec import Parts, Spec, load

__all__ = ["DataSection", "Join", "Parts", "Spec", "SplitSection", "describe", "load"]
