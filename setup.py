"""What pyproject.toml cannot say: the wheel has the folders conf/ and experiments/ inside the package."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["tsforecast*"]),
        "tsforecast.conf",
        *(f"tsforecast.conf.{group}" for group in {*find_namespace_packages("conf"), "experiment"}),
    ],
    package_dir={"tsforecast.conf": "conf", "tsforecast.conf.experiment": "experiments"},
)
