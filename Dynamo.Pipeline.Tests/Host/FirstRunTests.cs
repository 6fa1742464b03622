using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Tests;

/// <summary>What a newcomer sees.</summary>
[TestFixture]
internal sealed partial class FirstRunTests
{
    private ScratchFolder _checkout = null!;

    /// <summary>A checkout of its own, since the run puts the bad samples into quarantine.</summary>
    [SetUp]
    public void CopySamples()
    {
        _checkout = new ScratchFolder();
        File.WriteAllText(_checkout["Dynamo.Pipeline.sln"], "");
        Directory.CreateDirectory(_checkout["samples/inbox"]);
        foreach (string file in Directory.EnumerateFiles(Samples(), "*.csv"))
            File.Copy(file, Path.Combine(_checkout["samples/inbox"], Path.GetFileName(file)));
    }

    [TearDown]
    public void RemoveSamples() => _checkout.Dispose();

    [Test, CancelAfter(120_000)]
    public async Task Without_arguments_the_samples_are_imported_and_explained(CancellationToken token)
    {
        DynamoResult first = await DynamoProcess.RunAsync([], _checkout.Path, null, token);

        Assert.That(first.StandardError, Is.Empty);
        Assert.That(first.ExitCode, Is.EqualTo(1), "there are bad samples");
        Assert.That(WithoutTimes(first.StandardOutput), Is.EqualTo("""
            Imported the bundled samples in samples/inbox into dynamo.db in N s.

              files          200   198 loaded, 2 quarantined
              rows           684   669 new, 11 already there, 4 rejected

            2 files went into quarantine, none of their rows loaded:
              L00010_20250101T014500.csv
                line 5, column logger: a quote is never closed; DEFECT
              L00012_20250101T004500.csv
                line 1, column logger: the column 'logger' is missing; DEFECT

            1 file was loaded without its bad rows:
              L00019_20250101T001500.csv
                line 10, column value: the value is not a number; DEFECT

            Next:
              sqlite3 dynamo.db "select Logger, Channel, count(*), round(avg(Value), 2) from Reading group by 1, 2 limit 10"
                  looks at the readings
              dynamo status
                  shows what was imported, and what is in quarantine
              dynamo retry
                  offers quarantined files to the next run again, for example after a change of the format; repaired files need no retry
              dynamo run --source DIR --sink sqlite:FILE
                  imports your own folder; add --dry-run to try it first

            """));
    }

    [Test, CancelAfter(120_000)]
    public async Task The_second_time_there_is_nothing_new(CancellationToken token)
    {
        await DynamoProcess.RunAsync([], _checkout.Path, null, token);

        DynamoResult second = await DynamoProcess.RunAsync([], _checkout.Path, null, token);

        Assert.That(second.ExitCode, Is.Zero, second.StandardError);
        Assert.That(WithoutTimes(second.StandardOutput), Does.StartWith(
            "Nothing new in the bundled samples in samples/inbox: all 200 files are already in dynamo.db, 2 of them in quarantine. "
                + "(N s)\n"));
    }

    /// <summary>The reader's words for what it found are its own tests' business.</summary>
    private static string WithoutTimes(string text) => Found().Replace(Seconds().Replace(text, "N s"), "; DEFECT");

    private static string Samples()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Dynamo.Pipeline.sln"))) folder = folder.Parent!;
        return Path.Combine(folder.FullName, "samples", "inbox");
    }

    [GeneratedRegex(@"\d+(\.\d)? s\b")]
    private static partial Regex Seconds();

    [GeneratedRegex("; found '.*")]
    private static partial Regex Found();
}
