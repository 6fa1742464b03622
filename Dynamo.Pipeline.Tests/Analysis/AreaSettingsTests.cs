using System.Text;
using Dynamo.Pipeline.Analysis;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests.Analysis;

/// <summary>The list <c>areas</c> of a configuration: what is taken, and what is refused, by its place.</summary>
internal sealed class AreaSettingsTests
{
    private readonly ScratchFolder _folder = new();

    [OneTimeTearDown]
    public void Remove() => _folder.Dispose();

    [Test]
    public void Every_key_is_taken()
    {
        File.WriteAllText(_folder["nodes.csv"], "node;extra;y_m;x_m\nN1;1;2;3\nN2;1;5;3\n");
        File.WriteAllText(_folder["pipes.csv"], "length,pipe,from,to\n3.5,P1,N1,N2\n");
        HostSettings settings = Read("""
            { "name": "North", "zone": "Europe/Brussels", "step": "5min", "trainingDays": 21, "falseAlarmsPerYear": 0.5,
              "inflow": [ { "logger": "M1", "channel": "Q", "factor": -3.6 }, { "logger": "T1", "tankArea": 201 }, { "logger": "M2" } ],
              "pressures": [ { "logger": "P1", "node": "N1" }, { "logger": "P2", "channel": "p", "x": 1.5, "y": -2 } ],
              "nodes": "nodes.csv", "pipes": "pipes.csv" }
            """);
        WatchedArea area = Composition.Areas(settings).Single();
        Assert.Multiple(() =>
        {
            Assert.That(area.Name, Is.EqualTo("North"));
            Assert.That(area.Inflow.Select(part => (part.Logger, part.Channel, part.Factor, part.IsTankLevel)), Is.EqualTo(
                new[] { ("M1", "Q", -3.6, false), ("T1", "level", 201.0, true), ("M2", "flow", 1.0, false) }));
            Assert.That(area.Pressures.Select(point => (point.Logger, point.Channel, point.Node, point.X, point.Y)), Is.EqualTo(
                new[] { ("P1", "pressure", "N1", (double?)null, (double?)null), ("P2", "p", null, 1.5, -2.0) }));
            Assert.That((area.Options.Step, area.Options.TrainingDays, area.Options.FalseAlarmsPerYear, area.Options.Zone.Id),
                Is.EqualTo((TimeSpan.FromMinutes(5), 21, 0.5, "Europe/Brussels")));
            Assert.That(area.Pipes!.Nodes[0], Is.EqualTo(new Place("N1", 3, 2)));
            Assert.That(area.Pipes.Pipes[0].Length, Is.EqualTo(3.5));
            Assert.That(settings.Given.Single(given => given.Key == "areas").Value, Is.EqualTo("North"));
        });
    }

    [TestCase("""{ "inflow": [ { "logger": "M" } ] }""", "areas:0:name", "it is missing")]
    [TestCase("""{ "name": "A" }""", "areas:0:inflow", "it is missing")]
    [TestCase("""{ "name": "A", "inflow": [ { "channel": "Q" } ] }""", "areas:0:inflow:0:logger", "it is missing")]
    [TestCase("""{ "name": "A", "inflow": [ { "logger": "M", "factor": 0 } ] }""", "areas:0:inflow:0:factor",
        "found '0', allowed is a number other than 0")]
    [TestCase("""{ "name": "A", "inflow": [ { "logger": "M", "factor": 1, "tankArea": 2 } ] }""", "areas:0:inflow:0",
        "factor and tankArea")]
    [TestCase("""{ "name": "A", "inflow": [ { "loger": "M" } ] }""", "areas:0:inflow:0:loger", "there is no such setting")]
    [TestCase("""{ "name": "A", "inflow": [ { "logger": "M" } ], "zone": "Mars" }""", "areas:0:zone",
        "found 'Mars', allowed is an IANA zone")]
    [TestCase("""{ "name": "A", "inflow": [ { "logger": "M" } ], "step": "7min" }""", "areas:0:step", "found '7min'")]
    [TestCase("""{ "name": "A", "inflow": [ { "logger": "M" } ], "trainingDays": 3 }""", "areas:0:trainingDays", "14 to 56")]
    [TestCase("""{ "name": "A", "inflow": [ { "logger": "M" } ], "nodes": "n.csv" }""", "areas:0",
        "it has nodes, expected of pipes and nodes is both")]
    [TestCase("""{ "name": "A", "inflow": [ { "logger": "M" } ], "pressures": [ { "logger": "P", "x": 1 } ] }""", "areas:0:pressures:0",
        "it has x")]
    [TestCase("""{ "name": "A", "inflow": [ { "logger": "M" } ] }, { "name": "A", "inflow": [ { "logger": "M" } ] }""", "areas",
        "two areas")]
    public void What_is_wrong_is_named_by_its_place(string areas, string place, string problem)
    {
        var error = Assert.Throws<SettingsException>(() => Read(areas))!;
        Assert.That(error.Message, Does.Contain($"d.json: {place}: ").And.Contain(problem));
    }

    [TestCase("node,x\nN1,1\n", "pipe,from,to,length\n", "nodes.csv: line 1, column y: the column 'y' is missing")]
    [TestCase("node,x,y\nN1,1,east\n", "pipe,from,to,length\n", "nodes.csv: line 2, column y")]
    [TestCase("node,x,y\nN1,1,2\nN1,1,2\n", "pipe,from,to,length\n",
        "line 3, column node: it fits nothing; found 'N1', expected each node once")]
    [TestCase("node,x,y\nN1,1,2\n", "pipe,from,to,length\nP,N1,N2,5\n",
        "line 2, column to: it fits nothing; found 'N2', expected a node of nodes.csv")]
    [TestCase("node,x,y\nN1,1,2\n", "pipe,from,to,length\nP,N1,N1,0\n",
        "line 2, column length: it is no length; found '0', expected a number above 0")]
    [TestCase("node,x,y\nN1,1,2\n", "pipe,from,to,length\n", "has no pipes")]
    [TestCase("node,x,y\nN1,1,2\nN2,1,3\n", "pipe,from,to,length\nP,N1,N2,5\n", "the logger P1 of A is at the node N9, which")]
    [TestCase(null, "", "cannot be read")]
    public void A_file_that_fits_nothing_is_named_with_line_and_column(string? nodes, string pipes, string problem)
    {
        using var folder = new ScratchFolder();
        if (nodes is not null) File.WriteAllText(folder["nodes.csv"], nodes);
        File.WriteAllText(folder["pipes.csv"], pipes);
        HostSettings settings = Read("""
            { "name": "A", "inflow": [ { "logger": "M" } ], "pressures": [ { "logger": "P1", "node": "N9" } ],
              "nodes": "nodes.csv", "pipes": "pipes.csv" }
            """, folder);
        Assert.That(
            () => Composition.Areas(settings),
            Throws.TypeOf<SettingsException>().With.Message.Contains(problem).And.Message.StartsWith("areas: "));
    }

    [Test]
    public void A_thousand_areas_with_twenty_loggers_each_are_read_one_by_one_only()
    {
        var text = new StringBuilder();
        for (int area = 0; area < 1_000; area++)
        {
            string pressures = string.Join(
                ',', Enumerable.Range(0, 19).Select(i => $$"""{ "logger": "P{{area}}_{{i}}", "x": {{i}}, "y": 1 }"""));
            text.Append(area == 0 ? "" : ",").Append(
                $$"""{ "name": "A{{area}}", "inflow": [ { "logger": "M{{area}}" } ], "pressures": [ {{pressures}} ] }""");
        }
        HostSettings settings = Read(text.ToString());
        Assert.Multiple(() =>
        {
            Assert.That(settings.Areas, Has.Count.EqualTo(1_000));
            Assert.That(settings.Areas[999].Area.Pressures, Has.Count.EqualTo(19));
            Assert.That(settings.Text, Has.Length.LessThan(500));
        });
    }

    private HostSettings Read(string areas, ScratchFolder? folder = null)
    {
        string path = (folder ?? _folder)["d.json"];
        File.WriteAllText(path, $$"""{ "areas": [ {{areas}} ] }""");
        var problems = new List<SettingProblem>();
        HostSettings settings = SettingLayer.FromFile(path).Apply(HostSettings.Default, problems);
        return problems.Count == 0 ? settings : throw new SettingsException(problems);
    }
}
