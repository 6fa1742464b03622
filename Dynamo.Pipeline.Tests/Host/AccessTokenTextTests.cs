using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Host;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>Tokens as those write them who hand them out, and how long they are good.</summary>
internal sealed class AccessTokenTextTests
{
    private const int LaterSeconds = 4000;

    private static readonly DateTimeOffset s_now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly string s_later = s_now.AddSeconds(LaterSeconds).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    /// <summary>A token as Entra's are, good until then.</summary>
    private static string Jwt { get; } = string.Join('.',
        new[] { """{"alg":"RS256"}""", $$"""{"aud":"https://database.windows.net/","exp":{{s_later}}}""", "signed" }
            .Select(part => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part))));

    private static IEnumerable<TestCaseData> Tokens()
    {
        const int assumed = 1800;
        const string Local = "\"expiresOn\":\"2026-03-01 14:00:00.000000\"";
        return new (string Name, string Text, string Token, int Seconds)[]
        {
            ("alone", "abc.def", "abc.def", assumed),
            ("as an editor leaves it", "\uFEFFabc.def\r\n", "abc.def", assumed),
            ("one that says itself how long it is good", Jwt, Jwt, LaterSeconds),
            ("one that only looks so", "a.b!.c", "a.b!.c", assumed),
            ("of Entra", """{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"abc"}""", "abc", 3599),
            ("of a managed identity", $$"""{"access_token":"abc","expires_in":"86399","expires_on":"{{s_later}}"}""", "abc", LaterSeconds),
            ("of az", $$"""{"accessToken":"abc",{{Local}},"expires_on":{{s_later}},"tenant":"1"}""", "abc", LaterSeconds),
            ("of an older az", $$"""{"accessToken":"{{Jwt}}",{{Local}}}""", Jwt, LaterSeconds),
            ("one that says too much", """{"access_token":"abc","expires_in":9999999999}""", "abc", 7 * 24 * 3600),
            ("one that makes no sense", """{"access_token":"abc","expires_on":"soon","expires_in":-5}""", "abc", assumed),
        }.Select(c => new TestCaseData(c.Text, c.Token, c.Seconds).SetArgDisplayNames(c.Name));
    }

    [TestCaseSource(nameof(Tokens))]
    public void A_token_is_read_with_its_end(string text, string token, int seconds)
    {
        SqlAuthenticationToken? read = AccessTokenText.Read(text, s_now);

        Assert.That((read?.AccessToken, read?.ExpiresOn), Is.EqualTo((token, s_now.AddSeconds(seconds))));
    }

    [TestCase("")]
    [TestCase("two words")]
    [TestCase("two\nlines")]
    [TestCase("{")]
    [TestCase("{}")]
    [TestCase("""{"access_token":""}""")]
    [TestCase("""{"access_token":5}""")]
    [TestCase("""{"error":"invalid_client"}""")]
    public void What_is_no_token_is_not_taken_for_one(string text) => Assert.That(AccessTokenText.Read(text, s_now), Is.Null);
}
