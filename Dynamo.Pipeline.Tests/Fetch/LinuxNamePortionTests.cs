using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>The order in which a folder's names are handed out.</summary>
public sealed class LinuxNamePortionTests
{
    private static readonly byte[] s_bytes = [1, (byte)'/' + 1, (byte)'0', (byte)'a', 0x7F, 0x80, 0xFF];

    [Test]
    public void Any_names_come_in_the_order_of_their_bytes()
    {
        Gen<byte[]> name = Gen.Elements(s_bytes).NonEmptyListOf().Select(bytes => bytes.Take(200).ToArray());
        Gen<(byte[] Prefix, byte[][] Names)> folder =
            from prefix in Gen.Elements(s_bytes).ListOf()
            from names in name.NonEmptyListOf()
            select (prefix.ToArray(), names.ToArray());
        Prop.ForAll(folder.ToArbitrary(), f => InOrder([.. f.Names.Select(n => (byte[])[.. f.Prefix, .. n])])).QuickCheckThrowOnFailure();
    }

    [Test]
    public void Names_may_be_prefixes_of_each_other_and_come_twice() =>
        InOrder([.. new[] { "aaaaaaaab", "aaaaaaaa", "a", "aaaaaaaa", "aa", "b", "a" }.Select(Encoding.UTF8.GetBytes)]);

    private static void InOrder(byte[][] names)
    {
        var portion = new LinuxNamePortion(names.Length);
        // Once more: what the portion before left behind must not matter.
        for (int round = 0; round < 2; round++)
        {
            portion.Clear();
            foreach (byte[] name in names) portion.Add(LinuxName.RegularType, name);
            portion.Sort();
            var found = new List<string>();
            while (portion.TryTake(out byte type, out ReadOnlySpan<byte> taken))
            {
                Assert.That(type, Is.EqualTo(LinuxName.RegularType));
                found.Add(Convert.ToHexString(taken));
            }
            Assert.That(found, Is.EqualTo(names.Select(Convert.ToHexString).Order(StringComparer.Ordinal)));
            names = names[1..];
            if (names.Length == 0) return;
        }
    }
}
