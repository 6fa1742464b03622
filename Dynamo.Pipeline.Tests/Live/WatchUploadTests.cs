using System.Diagnostics;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A real FTP server receives uploads into the watched folder, as for the loggers of most networks: slow ones, broken ones, resumed ones,
/// and those that are renamed when they are complete.
/// </summary>
[CancelAfter(180_000)]
internal sealed class WatchUploadTests
{
    /// <summary>Installed, or unpacked beside another FTP server.</summary>
    private static readonly string[] s_programs = ["/usr/sbin/vsftpd", "/opt/vsftpd/usr/sbin/vsftpd"];

    // Each upload is a function of the client's script; the file has 40 readings of its own logger.
    private const string Client = """
        import ftplib, io, socket, sys, time
        port, how = int(sys.argv[1]), sys.argv[2]
        text = ('logger,channel,timestamp,value\n' + ''.join(f'{how},p,2025-01-01T00:{i:02d}:00Z,{i}\n' for i in range(40))).encode()
        def login():
            ftp = ftplib.FTP()
            ftp.connect('127.0.0.1', port, timeout=60)
            ftp.login('anonymous', 'x')
            ftp.cwd('inbox')
            return ftp
        def slowly(ftp, command, data, rest=None, pause=0.2):
            connection = ftp.transfercmd(command, rest)
            for i in range(0, len(data), 200):
                connection.sendall(data[i:i + 200])
                time.sleep(pause)
            connection.close()
            ftp.voidresp()
        ftp = login()
        if how == 'slow': slowly(ftp, 'STOR slow.csv', text)
        elif how == 'renamed':
            slowly(ftp, 'STOR renamed.csv.part', text, pause=0.05)
            ftp.rename('renamed.csv.part', 'renamed.csv')
        elif how == 'resumed':
            connection = ftp.transfercmd('STOR resumed.csv')
            connection.sendall(text[:600])
            time.sleep(0.5)
            connection.close()
            ftp.close()
            time.sleep(0.5)
            ftp = login()
            have = ftp.size('resumed.csv')
            slowly(ftp, 'APPE resumed.csv', text[have:], pause=0.05)
        """;

    private ScratchFolder _work = null!;
    private Process? _server;
    private int _port;

    [SetUp]
    public async Task StartServerAsync()
    {
        string? program = s_programs.FirstOrDefault(File.Exists);
        if (program is null || !Environment.IsPrivilegedProcess) External.Missing("needs vsftpd and root (Debian: vsftpd)");
        await External.RunAsync("python3", "--version");
        _work = new ScratchFolder();
        _port = LoopbackPort.Next();
        // What an anonymous client uploads belongs to the user ftp, who must come to it.
        await External.RunAsync("chmod", "755", _work.Path);
        File.WriteAllText(_work["vsftpd.conf"], $"""
            listen=YES
            listen_address=127.0.0.1
            listen_port={_port}
            background=NO
            anonymous_enable=YES
            no_anon_password=YES
            anon_root={_work["ftp"]}
            anon_upload_enable=YES
            anon_mkdir_write_enable=YES
            anon_other_write_enable=YES
            anon_umask=022
            write_enable=YES
            seccomp_sandbox=NO
            secure_chroot_dir={Directory.CreateDirectory(_work["empty"]).FullName}
            pasv_address=127.0.0.1

            """);
        Directory.CreateDirectory(_work["ftp/inbox"]);
        await External.RunAsync("chown", "ftp", _work["ftp/inbox"]);
        await External.RunAsync("chmod", "755", _work["ftp"]);
        _server = Process.Start(program!, _work["vsftpd.conf"]);
        File.WriteAllText(_work["client.py"], Client);
    }

    [TearDown]
    public void StopServer()
    {
        if (_server is not null)
        {
            _server.Kill(entireProcessTree: true);
            _server.WaitForExit();
            _server.Dispose();
        }
        _work?.Dispose();
    }

    [Test]
    public async Task Slow_renamed_and_resumed_uploads_are_loaded_with_all_their_readings()
    {
        await using var watched = new Watched(_work["r.db"]);
        watched.Start(Watched.Sweeps, source: new FolderSource(
            _work["ftp/inbox"], new FolderSourceOptions { SettleTime = TimeSpan.FromMilliseconds(10) }));
        await watched.UntilAsync(() => watched.Events.OfType<WatchStarted>().Any(), "started");
        await UntilListeningAsync();

        await Task.WhenAll(UploadAsync("slow"), UploadAsync("renamed"), UploadAsync("resumed"));
        await watched.UntilReadingsAsync(120);

        PipelineResult result = await watched.StopAsync();

        Assert.Multiple(() =>
        {
            // Two of the three came whole; of the third, the first part and then all of it.
            Assert.That(result.Books, Has.Property("Loaded").EqualTo(4));
            Assert.That(result.Books.RowsRejected, Is.LessThanOrEqualTo(1), "the line at which the upload broke off");
            Assert.That(watched.Scalar<long>("SELECT count(*) FROM Reading WHERE Logger = 'slow'"), Is.EqualTo(40));
            Assert.That(watched.Scalar<long>("SELECT sum(Value) FROM Reading WHERE Logger = 'resumed'"), Is.EqualTo(780));
            Assert.That(watched.Scalar<long>("SELECT count(*) FROM ImportedFile WHERE Path = 'slow.csv'"), Is.EqualTo(1));
        });
    }

    private Task UploadAsync(string how) => External.RunAsync("python3", _work["client.py"], $"{_port}", how);

    private async Task UntilListeningAsync()
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                using var client = new System.Net.Sockets.TcpClient();
                await client.ConnectAsync("127.0.0.1", _port);
                return;
            }
            catch (System.Net.Sockets.SocketException) when (attempt < 500)
            {
                await Task.Delay(20);
            }
        }
    }
}
