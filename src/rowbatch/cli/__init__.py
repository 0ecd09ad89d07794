"""The command line: parse, call one function of rowbatch.api, show what it returns."""
