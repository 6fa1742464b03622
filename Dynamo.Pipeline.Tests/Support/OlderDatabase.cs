namespace Dynamo.Pipeline.Tests;

/// <summary>Makes of a database what an older version of the library would have left.</summary>
internal static class OlderDatabase
{
    private const string Columns = "Source, Path, Size, ModifiedUtc, RunId, Outcome, Rows, Inserted, Updated, Unchanged, Rejected, Reason, "
        + "ImportedUtc, FileId";

    /// <summary>Schema 4: the ledger is a table with text in its key.</summary>
    public static void ToFour(string path) => Sql.Execute(path, $"""
        CREATE TABLE Older (Source TEXT NOT NULL, Path TEXT NOT NULL, Size INTEGER NOT NULL, ModifiedUtc TEXT NOT NULL,
          RunId INTEGER NOT NULL, Outcome TEXT NOT NULL, Rows INTEGER NOT NULL, Inserted INTEGER NOT NULL, Updated INTEGER NOT NULL,
          Unchanged INTEGER NOT NULL, Rejected INTEGER NOT NULL, Reason TEXT, ImportedUtc TEXT NOT NULL, FileId INTEGER,
          PRIMARY KEY (Source, Path, Size, ModifiedUtc)) WITHOUT ROWID;
        INSERT INTO Older ({Columns}) SELECT {Columns} FROM ImportedFile;
        DROP VIEW ImportedFile;
        DROP TABLE ImportedFileEntry;
        DROP TABLE ImportedFileSource;
        ALTER TABLE Older RENAME TO ImportedFile;
        CREATE UNIQUE INDEX ImportedFile_FileId ON ImportedFile (FileId) WHERE FileId IS NOT NULL;
        CREATE INDEX ImportedFile_Requeued ON ImportedFile (Source) WHERE Outcome = 'requeued';
        ALTER TABLE ImportRun DROP COLUMN Settings;
        UPDATE ImportSchema SET Version = 4;
        """);

    /// <summary>Schema 1: fewer counts, and no numbers of files.</summary>
    public static void ToOne(string path)
    {
        ToFour(path);
        Sql.Execute(path, """
            ALTER TABLE ImportRun DROP COLUMN RowsSkipped;
            ALTER TABLE ImportRun DROP COLUMN RowsFlagged;
            ALTER TABLE ImportRun DROP COLUMN RowsCollided;
            ALTER TABLE ImportRun DROP COLUMN Reason;
            DROP INDEX ImportedFile_FileId;
            ALTER TABLE ImportedFile DROP COLUMN FileId;
            DROP TABLE FileOverlap;
            UPDATE ImportSchema SET Version = 1;
            """);
    }
}
