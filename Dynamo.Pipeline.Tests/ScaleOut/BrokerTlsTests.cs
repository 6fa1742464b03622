using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Dynamo.Pipeline.Tests;

/// <summary>A broker that speaks TLS with a certificate of our own authority, and lets in whoever has one as well.</summary>
[CancelAfter(300_000), Soak]
internal sealed class BrokerTlsTests
{
    [Test]
    public async Task Dispatcher_and_worker_log_in_by_certificate_and_a_stranger_as_broker_is_refused(CancellationToken token)
    {
        using var folder = new ScratchFolder();
        using X509Certificate2 authority = Authority("CN=Water"), other = Authority("CN=Nobody");
        Write(folder["ca.pem"], authority);
        Write(folder["other.pem"], other);
        Issue(authority, "CN=localhost", folder["server"]);
        Issue(authority, "CN=dynamo", folder["client"]);
        int port = LoopbackPort.Next();
        using var broker = new RabbitServer(folder.Path, string.Create(CultureInfo.InvariantCulture, $"""
            listeners.ssl.1 = 127.0.0.1:{port}
            ssl_options.cacertfile = {folder["ca.pem"]}
            ssl_options.certfile = {folder["server"]}.crt
            ssl_options.keyfile = {folder["server"]}.key
            ssl_options.verify = verify_peer
            ssl_options.fail_if_no_peer_cert = true
            auth_mechanisms.1 = EXTERNAL
            auth_mechanisms.2 = PLAIN
            ssl_cert_login_from = common_name
            """), "rabbitmq_auth_mechanism_ssl");
        broker.Control("add_user", "dynamo", "of no use");
        broker.Control("set_permissions", "dynamo", @"^dynamo\.", @"^(dynamo\.|amq\.default)", @"^dynamo\.");
        await using var host = new ScaleOutHost(string.Create(CultureInfo.InvariantCulture, $"amqps://127.0.0.1:{port}/"));
        foreach ((string name, string file) in ((string, string)[])
            [("CAFILE", "ca.pem"), ("CERTIFICATEFILE", "client.crt"), ("CERTIFICATEKEYFILE", "client.key")])
            host.Variables["DYNAMO__QUEUE__" + name] = folder[file];

        DynamoResult check = await CheckAsync();
        host.Variables["DYNAMO__QUEUE__CAFILE"] = folder["other.pem"];
        DynamoResult stranger = await CheckAsync();
        host.Variables["DYNAMO__QUEUE__CAFILE"] = folder["ca.pem"];
        Process dispatcher = host.Dispatcher(), worker = host.Worker();
        host.Land(0, 20);
        await host.UntilAsync(() => host.Imported == 20, "imported", token);
        await ScaleOutHost.StopAsync(dispatcher, token);
        await ScaleOutHost.StopAsync(worker, token);
        Assert.Multiple(() =>
        {
            Assert.That(check.ExitCode, Is.Zero, check.StandardError);
            Assert.That(check.StandardOutput, Does.Contain("RabbitMQ"));
            Assert.That(stranger.ExitCode, Is.Not.Zero);
            Assert.That(stranger.StandardError, Does.Contain("certificate").And.Contain("queue:caFile"));
            Assert.That((dispatcher.ExitCode, worker.ExitCode), Is.EqualTo((0, 0)), string.Join('\n', host.Said));
        });

        Task<DynamoResult> CheckAsync() => DynamoProcess.RunAsync(
            ["check", .. host.Source, "--sink", "sqlserver"], host.Work.Path, host.Environment, token);
    }

    private static X509Certificate2 Authority(string name)
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static void Issue(X509Certificate2 authority, string name, string path)
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 made = request.Create(
            authority, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddHours(20), RandomNumberGenerator.GetBytes(8));
        Write(path + ".crt", made);
        File.WriteAllText(path + ".key", key.ExportPkcs8PrivateKeyPem());
    }

    private static void Write(string path, X509Certificate2 certificate) => File.WriteAllText(path, certificate.ExportCertificatePem());
}
