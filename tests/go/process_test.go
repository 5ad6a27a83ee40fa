package logweir_test

import "logweir.test/program"

type process = program.Process

var (
	binary     = program.Binary
	eventually = program.Eventually
	must       = program.Must
	patience   = program.Patience
	start      = program.Start
	startAs    = program.StartAs
)
