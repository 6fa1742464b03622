"""The published method from end to end: read_file over multiprocessing.Pool.imap, then an upsert into SQLite.
usage: pool_import.py FOLDER DATABASE WORKERS CHUNK   (DATABASE is made anew)"""
import csv, glob, multiprocessing as mp, os, sqlite3, sys, time

UPSERT = "insert into reading values(?,?,?,?) on conflict do update set value=excluded.value"

def read_file(path):
    with open(path, newline="") as f:
        rows = csv.reader(f)
        next(rows)
        return [(logger, channel, ts, float(value)) for logger, channel, ts, value in rows]

if __name__ == "__main__":
    folder, database, workers, chunk = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if os.path.exists(database):
        os.unlink(database)
    start = time.perf_counter()
    files = sorted(glob.glob(folder + "/*.csv"))
    db = sqlite3.connect(database)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=normal")
    db.execute("create table reading(logger text not null, channel text not null, ts text not null,"
               " value real not null, primary key(logger,channel,ts)) without rowid")
    with mp.Pool(workers) as pool:
        pending = []
        for rows in pool.imap(read_file, files, chunk):
            pending += rows
            if len(pending) >= 10_000:
                db.executemany(UPSERT, pending)
                pending = []
        db.executemany(UPSERT, pending)
        db.commit()
    print(f"workers={workers} chunk={chunk} files={len(files)} {time.perf_counter() - start:.3f}s",
          db.execute("select count(*) from reading").fetchone()[0], "rows")
