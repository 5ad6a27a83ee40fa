module logweir.test/program

go 1.26
