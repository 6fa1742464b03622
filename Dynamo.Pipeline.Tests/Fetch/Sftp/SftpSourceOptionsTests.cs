namespace Dynamo.Pipeline.Tests;

public sealed class SftpSourceOptionsTests
{
    [TestCase("sftp://ann@example.org:2222/out/csv", "ann", "example.org", 2222, "/out/csv")]
    [TestCase("sftp://example.org", null, "example.org", null, ".")]
    [TestCase("sftp://example.org/", null, "example.org", null, "/")]
    [TestCase("sftp://my_alias/~/out/", null, "my_alias", null, "out")]
    [TestCase("SFTP://[2001:db8::1]:22/a%20b", null, "2001:db8::1", 22, "/a b")]
    [TestCase("sftp://a@b@host/x", "a@b", "host", null, "/x")]
    public void An_address_is_read(string url, string? user, string host, int? port, string path)
    {
        SftpSourceOptions options = SftpSourceOptions.Parse(url);
        Assert.That((options.User, options.Host, options.Port, options.Path), Is.EqualTo((user, host, port, path)));
    }

    [TestCase("sftp://-oProxyCommand=x/y")]
    [TestCase("sftp://-l@host/y")]
    [TestCase("sftp://host name/y")]
    [TestCase("sftp://host:0/y")]
    [TestCase("sftp://host:x/y")]
    [TestCase("sftp://host:-1/y")]
    [TestCase("sftp://a;b@host/y")]
    [TestCase("sftp://%2Dl@host/y")]
    [TestCase("sftp://ho$(id)st/y")]
    [TestCase("sftp:///y")]
    [TestCase("ftp://host/y")]
    [TestCase("")]
    public void What_is_no_address_or_could_be_taken_for_an_option_is_refused(string url) =>
        Assert.That(() => SftpSourceOptions.Parse(url), Throws.InstanceOf<ArgumentException>());

    [TestCase("sftp://ann:s3cret@host/y")]
    [TestCase("sftp://ann:s3cret@-host/y")]
    [TestCase("sftp://ann:s3cret@host:99999/y")]
    public void A_password_in_an_address_is_refused_and_not_repeated(string url) =>
        Assert.That(() => SftpSourceOptions.Parse(url),
            Throws.ArgumentException.With.Message.Not.Contains("s3cret").And.Message.Contains("password"));

    [TestCase("sftp://ann@example.org:2222/out/csv")]
    [TestCase("sftp://example.org/~/out")]
    [TestCase("sftp://[::1]/x")]
    public void The_text_form_is_the_address(string url) => Assert.That(SftpSourceOptions.Parse(url).ToString(), Is.EqualTo(url));

    [Test]
    public void Bad_values_are_refused_by_name()
    {
        var options = new SftpSourceOptions { Host = "h" };
        Assert.That(() => options with { Host = "-h" }, Throws.ArgumentException.With.Message.Contains("Host"));
        Assert.That(() => options with { Pattern = "a/b" }, Throws.ArgumentException.With.Message.Contains("Pattern"));
        Assert.That(() => options with { Connections = 0 }, Throws.InstanceOf<ArgumentException>().With.Message.Contains("Connections"));
        Assert.That(() => options with { Deadline = TimeSpan.Zero },
            Throws.InstanceOf<ArgumentException>().With.Message.Contains("Deadline"));
        Assert.That(() => options with { KnownHostsFile = "a\"b" }, Throws.ArgumentException.With.Message.Contains("KnownHostsFile"));
        Assert.That(() => options with { Path = "a\0" }, Throws.ArgumentException.With.Message.Contains("Path"));
        Assert.That(() => new SftpSource(options with { ArchiveFolder = "quarantine" }), Throws.ArgumentException);
    }

    [TestCase("../x")]
    [TestCase("/etc/passwd")]
    [TestCase("a/../../x")]
    [TestCase("a//b")]
    [TestCase("")]
    [TestCase("a\0b")]
    public void A_path_that_leaves_the_folder_is_refused(string path) =>
        Assert.That(() => SftpPlace.Below("/in", path), Throws.ArgumentException);

    [TestCase("/in/a.csv", 1, "/in/a.20260102T030405.0000000Z.csv")]
    [TestCase("/in/a.csv", 2, "/in/a.20260102T030405.0000000Z-2.csv")]
    [TestCase("/in.d/a", 1, "/in.d/a.20260102T030405.0000000Z")]
    public void A_namesake_gets_its_time_into_its_name(string path, int number, string expected) =>
        Assert.That(SftpPlace.WithTime(path, new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), number), Is.EqualTo(expected));
}
