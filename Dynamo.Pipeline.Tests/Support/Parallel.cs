// Fixtures run side by side: each has its own folders, ports and databases. What counts the memory of the whole process, or changes
// something of the process, is marked NonParallelizable and runs alone. Three times the cores of a small machine, because much of the
// time is waiting for other processes. Fixtures that take long have [Order(1)], so that others run beside them until the end. The tests
// of a fixture run one after the other: side by side, they would begin after all fixtures.
[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(6)]
