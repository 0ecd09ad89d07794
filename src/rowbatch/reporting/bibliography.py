"""What a paper cites for what a run used: entries of BibTeX."""

from __future__ import annotations

from importlib.metadata import version

from rowbatch.reporting.facts import RunFacts

_ENTRIES = {
    "egami2023": """@inproceedings{egami2023,
  author = {Egami, Naoki and Hinck, Musashi and Stewart, Brandon M. and Wei, Hanying},
  title = {Using Imperfect Surrogates for Downstream Inference: Design-based Supervised Learning for Social Science Applications of Large Language Models},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {36},
  year = {2023}
}""",
    "angelopoulos2023": """@misc{angelopoulos2023,
  author = {Angelopoulos, Anastasios N. and Duchi, John C. and Zrnic, Tijana},
  title = {PPI++: Efficient Prediction-Powered Inference},
  year = {2023},
  eprint = {2311.01453},
  archiveprefix = {arXiv}
}""",
    "krippendorff2018": """@book{krippendorff2018,
  author = {Krippendorff, Klaus},
  title = {Content Analysis: An Introduction to Its Methodology},
  edition = {4},
  publisher = {SAGE},
  year = {2018}
}""",
    "cohen1960": """@article{cohen1960,
  author = {Cohen, Jacob},
  title = {A Coefficient of Agreement for Nominal Scales},
  journal = {Educational and Psychological Measurement},
  volume = {20},
  number = {1},
  pages = {37--46},
  year = {1960},
  doi = {10.1177/001316446002000104}
}""",
    "gwet2008": """@article{gwet2008,
  author = {Gwet, Kilem Li},
  title = {Computing Inter-Rater Reliability and Its Variance in the Presence of High Agreement},
  journal = {British Journal of Mathematical and Statistical Psychology},
  volume = {61},
  number = {1},
  pages = {29--48},
  year = {2008},
  doi = {10.1348/000711006X126600}
}""",
    "dawid1979": """@article{dawid1979,
  author = {Dawid, A. P. and Skene, A. M.},
  title = {Maximum Likelihood Estimation of Observer Error-Rates Using the {EM} Algorithm},
  journal = {Applied Statistics},
  volume = {28},
  number = {1},
  pages = {20--28},
  year = {1979},
  doi = {10.2307/2346806}
}""",
    "tornberg2024": """@article{tornberg2024,
  author = {T{\\"o}rnberg, Petter},
  title = {Best Practices for Text Annotation with Large Language Models},
  journal = {Sociologica},
  volume = {18},
  number = {2},
  pages = {67--85},
  year = {2024},
  doi = {10.6092/issn.1971-8853/19461}
}""",
    "pangakis2023": """@misc{pangakis2023,
  author = {Pangakis, Nicholas and Wolken, Samuel and Fasching, Neil},
  title = {Automated Annotation with Generative {AI} Requires Validation},
  year = {2023},
  eprint = {2306.00176},
  archiveprefix = {arXiv}
}""",
}


def bibliography_of(facts: RunFacts) -> str:
    """The `.bib` file of a report: the program, and the methods that it used; no others."""
    software = (
        "@software{rowbatch,\n  author = {{The rowbatch authors}},\n  title = {rowbatch: label a table with a language model},\n"
        f"  version = {{{version('rowbatch')}}},\n"
        f"  year = {{{facts.plan.created_at[:4]}}}\n}}"
    )
    wanted = ["tornberg2024"]
    if facts.plan.panel is not None and facts.plan.panel.consensus == "dawid-skene":
        wanted.append("dawid1979")
    if facts.people is not None:
        wanted.append("pangakis2023")
        used = {
            name for of in (facts.people.among, facts.people.against) for one in of.values() for name in one
        }
        wanted += ["krippendorff2018"] if any("krippendorff" in name for name in used) else []
        wanted += ["cohen1960"] if any("cohen" in name for name in used) else []
        wanted += ["gwet2008"] if any("gwet" in name for name in used) else []
        methods = " ".join(one.corrected.method for one in facts.people.corrected)
        wanted += ["angelopoulos2023"] if "PPI" in methods else []
        wanted += ["egami2023"] if "DSL" in methods else []
    return "\n\n".join([software, *(_ENTRIES[name] for name in wanted)]) + "\n"
