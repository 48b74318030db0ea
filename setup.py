"""The distribution: the package, the twistd plugin beside it, and their dependencies."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

setup(
    name="cwmpagent",
    version="0.1.0",
    description="A TR-069 (CWMP) management agent on Twisted",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=[*find_namespace_packages(include=["cwmpagent", "cwmpagent.*"]), "twisted.plugins"],
    package_data={"cwmpagent": ["py.typed", "**/*.toml", "**/*.html", "**/*.css"]},
    entry_points={"console_scripts": ["cwmpagent = cwmpagent.cli.main:main"]},
    install_requires=[
        "Twisted[tls]>=26.10",
        "treq>=26.7",
        "defusedxml>=0.7.1",
        "service-identity>=24.2",
        "pyOpenSSL>=25.1",
        "psutil>=6",
    ],
    extras_require={
        # The linters are of one series each: a later one may report errors in code that passes today.
        "dev": [
            "hypothesis>=6.100",
            "lxml>=5",
            "lxml-stubs",
            "mypy~=2.4.1",
            "mypy-zope~=1.0.17",
            "ruff~=0.17.6",
            "setuptools>=70.1",
            "types-defusedxml",
            "types-psutil",
        ]
    },
    classifiers=[
        "Framework :: Twisted",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: System :: Networking",
        "Typing :: Typed",
    ],
    zip_safe=False,
)
