using System.Collections.Concurrent;
using System.Globalization;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A system that fails at any call, once, for a while or for ever: opening, reading, writing, flushing, renaming, locking and so on answer
/// EIO, ENOSPC, EMFILE and their like, do half of what was asked for, do it and say that they failed, or the process ends there.
/// <para>At any time, also right after the run with the fault:</para>
/// <list type="bullet">
/// <item>the table has all rows of the files that the ledger has as loaded, and no others;</item>
/// <item>no good file is in quarantine, unless the right to read it was missing (EACCES) each time it was tried, and other files could be
/// read; none is gone that was not loaded;</item>
/// <item>the run ended within a minute, with 0 or 1 and a report that is true, with 3 or 4, or with 5 where its own lock was refused. A
/// file that could not be read is deferred or read again; the disk that fails beyond that is a failed source (3), and whatever fails at
/// the database a failed sink (4). Never 70, never a signal, never a stack trace. Only "die" may end it by SIGKILL.</item>
/// </list>
/// <para>After one run in which nothing fails, with a <c>retry</c> before it for files that could not be read,
/// or a second one if the first deferred a file that had been set aside: all rows of all good
/// files are there once, the ledger has each file once, each file is kept, archived or deleted as set, the bad one is in quarantine with
/// its reason, nothing is left over but hidden files that were being written when the process was killed, and a further run loads
/// nothing.</para>
/// </summary>
[TestFixture, Platform("Linux"), Order(1)]
internal sealed class InjectedFaultTests
{
    private const string OneSeed = "DYNAMO_TEST_FAULTS_SEED", HowMany = "DYNAMO_TEST_FAULTS";
    private string _library = null!;

    [OneTimeSetUp]
    public async Task Compile() => _library = await FaultLibrary.RequireAsync();

    [Test, CancelAfter(3_600_000)]
    public Task In_a_folder_nothing_is_lost_doubled_or_condemned_whatever_fails(CancellationToken token) =>
        AllAsync(Count(4, 450, 4_500), Folder, sideBySide: 4, token);

    [Soak]
    [TestCase(SshClientKind.OpenSsh, 40, 400), TestCase(SshClientKind.Managed, 10, 100), CancelAfter(3_600_000)]
    public Task On_a_server_nothing_is_lost_doubled_or_condemned_whatever_fails(
        SshClientKind client, int some, int many, CancellationToken token)
    {
        Sshd.Require();
        return AllAsync(Count(some, some, many), folder => OnServer(folder, client), sideBySide: 3, token);
    }

    [Soak]
    [TestCase("retry, archive, again: stat quarantine 1 1 5"), TestCase("retry, archive, again: stat inbox 3 1 5"), CancelAfter(300_000)]
    [TestCase("retry, keep, again: stat quarantine 1 1 13")]
    public async Task A_quarantine_that_cannot_be_looked_at_is_not_an_empty_one(string scenario, CancellationToken token)
    {
        using var own = new ScratchFolder();
        (string text, _) = await OneAsync(Folder(own.Path), seed: 1, scenario, token);
        Assert.That(text, Is.Empty);
    }

    [Soak]
    [TestCase("run, keep, again: stat quarantine 2 2 13"), TestCase("run, archive: stat quarantine 2 1 13"), CancelAfter(300_000)]
    public async Task A_name_in_quarantine_that_cannot_be_looked_at_is_neither_free_nor_taken(string scenario, CancellationToken token)
    {
        using var own = new ScratchFolder();
        (string text, _) = await OneAsync(Folder(own.Path), seed: 596, scenario, token);
        Assert.That(text, Is.Empty);
    }

    [Soak]
    [TestCase("run, archive: open inbox/L01.csv 1 1000000 13"), TestCase("run, archive: read inbox/L04.csv 1 1000000 13")]
    [TestCase("run, archive: open inbox 1 1000000 13"), TestCase("run, archive: read inbox 1 1000000 13"), CancelAfter(300_000)]
    public async Task One_file_without_permission_is_bad_and_a_source_without_it_has_failed(string scenario, CancellationToken token)
    {
        using var own = new ScratchFolder();
        (string text, bool wasMet) = await OneAsync(Folder(own.Path), seed: 1, scenario, token);
        Assert.That(text, Is.Empty);
        Assert.That(wasMet);
    }

    private FaultPlace Folder(string folder) => new(_library, inbox => ["--source", inbox]);

    private FaultPlace OnServer(string folder, SshClientKind client)
    {
        string plan = Path.Combine(folder, "server-plan");
        var sshd = new Sshd(folder, $"Subsystem sftp /usr/bin/env LD_PRELOAD={_library} FAULTS_PLAN={plan} {Sshd.SftpServer}");
        return new FaultPlace(_library, inbox => sshd.Arguments(inbox, client), sshd, plan, client == SshClientKind.Managed);
    }

    private static int Count(int few, int some, int many) =>
        int.TryParse(Environment.GetEnvironmentVariable(HowMany), CultureInfo.InvariantCulture, out int count)
            ? count : SoakAttribute.Rounds(few, some, many);

    /// <summary>The first seeds, which are the same every time, or the one that was asked for.</summary>
    private static async Task AllAsync(int count, Func<string, FaultPlace> place, int sideBySide, CancellationToken token)
    {
        bool isOne = int.TryParse(Environment.GetEnvironmentVariable(OneSeed), CultureInfo.InvariantCulture, out int seed);
        var seeds = new ConcurrentQueue<int>(isOne ? [seed] : Enumerable.Range(1, count));
        var failed = new ConcurrentQueue<string>();
        int met = 0;
        await Task.WhenAll(Enumerable.Range(0, Math.Min(sideBySide, seeds.Count)).Select(_ => Task.Run(RunSomeAsync, token)));
        TestContext.Out.WriteLine($"{count} scenarios, {met} met their fault");
        Assert.That(failed, Is.Empty);

        async Task RunSomeAsync()
        {
            using var own = new ScratchFolder();
            using FaultPlace where = place(own.Path);
            while (seeds.TryDequeue(out int next))
            {
                (string text, bool wasMet) = await OneAsync(where, next, null, token);
                if (wasMet) Interlocked.Increment(ref met);
                if (text.Length == 0) continue;
                failed.Enqueue($"seed {next} ({OneSeed}={next} repeats it); {text}");
                TestContext.Progress.WriteLine($"seed {next}; {text}");
            }
        }
    }

    private static async Task<(string Text, bool WasMet)> OneAsync(FaultPlace place, int seed, string? faults, CancellationToken token)
    {
        using var work = new ScratchFolder();
        var scenario = new FaultScenario(work, place, seed, faults);
        List<string> wrong = await scenario.RunAsync(token);
        return (wrong.Count == 0 ? "" : $"{scenario}: {string.Join("; ", wrong)}", scenario.WasMet);
    }
}
