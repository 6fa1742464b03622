"""The published method for the read step: read_file over multiprocessing.Pool.map, for timing side by side.
usage: pool_read_file.py FOLDER WORKERS CHUNK [REPEAT]   (WORKERS 0 is a plain loop)"""
import csv, glob, multiprocessing as mp, sys, time

def read_file(path):
    with open(path, newline="") as f:
        rows = csv.reader(f)
        next(rows)
        readings = [(logger, channel, ts, float(value)) for logger, channel, ts, value in rows]
    return "INSERT INTO reading(logger,channel,ts,value) VALUES " + ",".join("('%s','%s','%s',%r)" % r for r in readings)

if __name__ == "__main__":
    files = sorted(glob.glob(sys.argv[1] + "/*.csv"))
    workers, chunk = int(sys.argv[2]), int(sys.argv[3])
    for _ in range(int(sys.argv[4]) if len(sys.argv) > 4 else 3):
        start = time.perf_counter()
        if workers == 0:
            total = sum(map(len, map(read_file, files)))
        else:
            with mp.Pool(workers) as pool:
                total = sum(map(len, pool.map(read_file, files, chunk)))
        print(f"workers={workers} chunk={chunk} files={len(files)} {time.perf_counter() - start:.3f}s")
