"""The ways people use Tingfeng: the command line, batch scoring, reports. Composition happens here."""
