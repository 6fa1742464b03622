using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

public sealed class SftpReaderTests
{
    [Test]
    public void Whatever_bytes_come_the_decoder_ends_in_a_value_or_a_protocol_error() =>
        Prop.ForAll<byte[]>(bytes =>
        {
            foreach (Action<byte[]> decode in Decoders)
                try
                {
                    decode(bytes);
                }
                catch (SftpProtocolException)
                {
                }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Test]
    public void A_mutilated_listing_ends_in_a_value_or_a_protocol_error() =>
        Prop.ForAll(Gen.Choose(0, 200).Two().ToArbitrary(), mutilation =>
        {
            byte[] listing = [.. ScriptedServer.U32(2), .. ScriptedServer.Text("a.csv"), .. ScriptedServer.Text("long"),
                .. ScriptedServer.File(1),
                .. ScriptedServer.Text("b.csv"), .. ScriptedServer.Text("long"), .. ScriptedServer.File(2)];
            listing[mutilation.Item1 % listing.Length] ^= (byte)(1 + mutilation.Item2 % 255);
            try
            {
                new SftpEntriesCall().Answer(SftpProtocol.Name, new SftpReader(listing.AsSpan(0, listing.Length - mutilation.Item2 % 3)));
            }
            catch (SftpProtocolException)
            {
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Test]
    public void What_the_outbox_encodes_the_reader_decodes() =>
        Prop.ForAll<byte[], byte[]>((text, fields) =>
        {
            var outbox = new SftpOutbox();
            outbox.Request(SftpProtocol.Open, 7, text, fields);
            outbox.Request(SftpProtocol.Stat, 8, fields, text);
            ReadOnlySpan<byte> written = outbox.Written;
            int length = SftpReader.FrameLength(written);
            var first = new SftpReader(written.Slice(4, length));
            Assert.That((first.Byte(), first.UInt32()), Is.EqualTo((SftpProtocol.Open, 7u)));
            Assert.That(first.Bytes().ToArray(), Is.EqualTo(text));
            Assert.That(first.Remaining, Is.EqualTo(fields.Length));
            ReadOnlySpan<byte> rest = written[(4 + length)..];
            Assert.That(SftpReader.FrameLength(rest), Is.EqualTo(rest.Length - 4));
        }).QuickCheckThrowOnFailure();

    [TestCase(0u)]
    [TestCase(4u)]
    [TestCase(300_000u)]
    [TestCase(0xFFFF_FFFFu)]
    public void A_lying_packet_length_is_refused(uint length) =>
        Assert.That(() => SftpReader.FrameLength(ScriptedServer.U32(length)),
            Throws.TypeOf<SftpProtocolException>().With.Message.Contains(length.ToString(null as IFormatProvider)));

    [TestCase("Welcome to the water works", "Welcome")]
    [TestCase("unlimited\n", "unlimited")]
    [TestCase("\r\nHi\tthere\r\n", "Hi there")]
    public void A_login_script_that_prints_is_named_as_the_cause(string printed, string shown) =>
        Assert.That(() => SftpReader.FrameLength(Encoding.ASCII.GetBytes(printed)),
            Throws.TypeOf<SftpProtocolException>().With.Message.Contains(shown).And.Message.Contains("login script"));

    [Test]
    public void A_server_s_words_lose_their_control_characters() =>
        Assert.That(SftpReader.Printable("\u001b[31mred\n"u8), Is.EqualTo("?[31mred?"));

    [Test]
    public void A_listing_that_claims_more_names_than_fit_is_refused() =>
        Assert.That(() => new SftpEntriesCall().Answer(SftpProtocol.Name, new SftpReader(ScriptedServer.U32(0xFFFF_FFFF))),
            Throws.TypeOf<SftpProtocolException>());

    private static readonly Action<byte[]>[] Decoders =
    [
        bytes => SftpReader.FrameLength(bytes),
        bytes => new SftpReader(bytes).Attributes(),
        bytes => new SftpReader(bytes).Status(),
        bytes => new SftpReader(bytes).Handle(),
        bytes => new SftpEntriesCall().Answer(SftpProtocol.Name, new SftpReader(bytes)),
        bytes => new SftpLimitsCall().Answer(SftpProtocol.ExtendedReply, new SftpReader(bytes)),
        bytes => new SftpPathCall().Answer(SftpProtocol.Name, new SftpReader(bytes)),
        bytes => new SftpAttributesCall().Answer(SftpProtocol.Status, new SftpReader(bytes)),
    ];
}
