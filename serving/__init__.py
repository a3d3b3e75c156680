"""The ways people use Tingfeng: command line, batch, API, reports. Composition happens here."""
