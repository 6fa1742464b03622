using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The Debian package and the tarball of the published program: made twice, installed, used, removed and purged in a copy of this system
/// (a layer over its files, in a namespace of its own, that goes with the test).
/// </summary>
[TestFixture, Soak, Platform("Linux"), CancelAfter(300_000)]
internal sealed class DebianPackageTests
{
    private ScratchFolder _folder = null!;

    private static string Version => typeof(FilePipeline).Assembly.GetName().Version!.ToString(3);

    [OneTimeSetUp]
    public async Task MakeAsync()
    {
        string program = Environment.GetEnvironmentVariable("DYNAMO_TEST_PROGRAM") ?? "";
        if (program.Length == 0) External.Missing("needs a published native program (DYNAMO_TEST_PROGRAM)");
        await External.RunAsync("dpkg-deb", "--version");
        _folder = new ScratchFolder();
        foreach (string out_ in (string[])["one", "two"])
            await RunAsync(Path.Join(Repository.Root, "deploy", "package.sh"), Path.GetDirectoryName(program)!, _folder[out_]);
    }

    [OneTimeTearDown]
    public void RemoveFolder() => _folder?.Dispose();

    [Test]
    public void The_same_program_makes_the_same_packages()
    {
        string[] names = [.. Directory.EnumerateFiles(_folder["one"]).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

        Assert.That(names, Is.EqualTo(new[] { $"dynamo-{Version}-linux-x64.tar.gz", $"dynamo_{Version}_amd64.deb" }));
        foreach (string name in names)
            Assert.That(Hash(_folder["two/" + name]), Is.EqualTo(Hash(_folder["one/" + name])), name);
    }

    [Test]
    public async Task The_package_is_installed_works_as_its_user_and_leaves_nothing_but_the_data()
    {
        if (!Environment.IsPrivilegedProcess) External.Missing("needs root to lay a copy over the system");
        string script = _folder["install.sh"];
        File.WriteAllText(script, $$"""
            set -eu
            layer={{_folder["layer"]}}
            mkdir -p $layer
            mount -t tmpfs layer $layer
            mkdir $layer/upper $layer/work $layer/root
            mount -t overlay overlay -o lowerdir=/,upperdir=$layer/upper,workdir=$layer/work $layer/root
            mount --rbind /proc $layer/root/proc
            mount --rbind /dev $layer/root/dev
            mount -t tmpfs run $layer/root/run
            cp {{_folder[$"one/dynamo_{Version}_amd64.deb"]}} $layer/root/srv/dynamo.deb
            cat > $layer/root/srv/try.sh <<'TRY'
            set -eu
            export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
            unset DYNAMO_TEST_PROGRAM
            cd /
            rm -rf /etc/dynamo /var/lib/dynamo
            dpkg -i /srv/dynamo.deb >/srv/dpkg.log 2>&1 || { cat /srv/dpkg.log; exit 1; }
            grep -q 'systemctl enable --now dynamo' /srv/dpkg.log
            dynamo --version | grep -q native
            id dynamo >/dev/null
            test "$(stat -c %U:%a /var/lib/dynamo)" = dynamo:750
            test "$(stat -c %U:%a /etc/dynamo/secrets.json)" = root:600
            dpkg -s dynamo | grep -q '^Status: install ok installed'
            dpkg -V dynamo
            bash -c 'source /usr/share/bash-completion/completions/dynamo; complete -p dynamo' >/dev/null
            zcat /usr/share/man/man1/dynamo.1.gz | grep -q '^.SH COMMANDS'
            printf 'logger,channel,timestamp,value\nL1,flow,2025-01-01T00:00:00Z,1.5\n' > /var/lib/dynamo/inbox/a.csv
            chown dynamo: /var/lib/dynamo/inbox/a.csv
            touch -d 2025-01-01 /var/lib/dynamo/inbox/a.csv
            cd /var/lib/dynamo
            as_dynamo() { setpriv --reuid dynamo --regid dynamo --clear-groups dynamo "$@" --config /etc/dynamo/dynamo.json; }
            as_dynamo watch --for 3s --json >/srv/watch.json
            grep -q '"loaded":1' /srv/watch.json || { cat /srv/watch.json; exit 1; }
            as_dynamo status | grep -q '1 loaded'
            cd /
            if command -v systemd-analyze >/dev/null; then systemd-analyze verify /usr/lib/systemd/system/dynamo.service; fi
            dpkg -i /srv/dynamo.deb >/srv/again.log 2>&1
            dpkg -r dynamo >/dev/null 2>&1
            test ! -e /usr/bin/dynamo
            test -e /etc/dynamo/dynamo.json
            dpkg -P dynamo >/dev/null 2>&1
            test ! -e /etc/dynamo
            test -e /var/lib/dynamo/readings.db
            echo INSTALLED
            TRY
            chroot $layer/root bash -e /srv/try.sh
            """.ReplaceLineEndings("\n"));

        string said = await RunAsync("unshare", "--mount", "--propagation", "private", "bash", "-e", script);

        Assert.That(said, Does.Contain("INSTALLED"));
    }

    [Test]
    public async Task The_tarball_runs_from_where_it_was_unpacked()
    {
        using (FileStream file = File.OpenRead(_folder[$"one/dynamo-{Version}-linux-x64.tar.gz"]))
        await using (var unpacked = new GZipStream(file, CompressionMode.Decompress))
            await TarFile.ExtractToDirectoryAsync(unpacked, _folder.Path, overwriteFiles: true);
        string folder = _folder[$"dynamo-{Version}-linux-x64"];

        string demo = await RunAsync("sh", "-c", $"cd '{_folder.Path}' && '{folder}/dynamo' demo || test $? = 1");

        Assert.That(demo, Does.Contain("198 loaded, 2 quarantined"));
        // It is not on the path, so what is to be pasted names it.
        Assert.That(demo, Does.Contain($"  {folder}/dynamo status --config dynamo-demo/dynamo.json"));
        Assert.That(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path)),
            Is.SupersetOf(new[] { "LICENSE", "NOTICE", "README.md", "dynamo.1", "dynamo.service", "completions/_dynamo" }));
    }

    private static string Hash(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        DynamoProcess.RemoveOwnVariables(start);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, $"{program}: {await output}{await error}");
        return await output;
    }
}
