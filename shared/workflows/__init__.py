"""One use case a file. A workflow imports `shared.core` and `shared.ports` and nothing else of ours."""
