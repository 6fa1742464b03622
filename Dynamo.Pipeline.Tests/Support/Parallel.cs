// Fixtures run side by side: each has its own folders, ports and databases. What counts the memory of the whole process, or changes
// something of the process, is marked
// NonParallelizable and runs alone at the end. Twice the cores of a small machine, because much of the time is waiting for other processes.
[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(4)]
