namespace Dynamo.Pipeline.Analysis;

/// <summary>A pipe of a network.</summary>
/// <param name="name">Its name.</param>
/// <param name="from">The node at one end.</param>
/// <param name="to">The node at the other end.</param>
/// <param name="length">Its length, in the unit of the coordinates.</param>
public sealed class Pipe(string name, string from, string to, double length)
{
    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>The node at one end.</summary>
    public string From => from;

    /// <summary>The node at the other end.</summary>
    public string To => to;

    /// <summary>Its length, in the unit of the coordinates.</summary>
    public double Length => length;
}

/// <summary>A place with coordinates: a node of a network, a logger.</summary>
/// <param name="Name">Its name.</param>
/// <param name="X">To the east, or longitude.</param>
/// <param name="Y">To the north, or latitude.</param>
public sealed record Place(string Name, double X, double Y);

/// <summary>Pipes and the nodes between them: how far it is along pipes. Immutable, and safe for many threads.</summary>
public sealed class PipeGraph
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<(int To, double Length)>[] _links;

    /// <summary>Makes one.</summary>
    /// <param name="nodes">Every node that a pipe names.</param>
    /// <param name="pipes">The pipes.</param>
    /// <exception cref="ArgumentException">A node is there twice, a pipe names a node that is not there, or has no length.</exception>
    public PipeGraph(IEnumerable<Place> nodes, IEnumerable<Pipe> pipes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        ArgumentNullException.ThrowIfNull(pipes);
        Nodes = [.. nodes];
        Pipes = [.. pipes];
        foreach (Place node in Nodes)
            if (!_numbers.TryAdd(node.Name, _numbers.Count)) throw new ArgumentException($"The node {node.Name} is there twice.",
                nameof(nodes));
        _links = [.. Nodes.Select(_ => new List<(int, double)>())];
        foreach (Pipe pipe in Pipes)
        {
            if (!(pipe.Length > 0)) throw new ArgumentException($"The pipe {pipe.Name} has no length.", nameof(pipes));
            _links[Number(pipe, pipe.From)].Add((Number(pipe, pipe.To), pipe.Length));
            _links[Number(pipe, pipe.To)].Add((Number(pipe, pipe.From), pipe.Length));
        }
    }

    /// <summary>The nodes.</summary>
    public IReadOnlyList<Place> Nodes { get; }

    /// <summary>The pipes.</summary>
    public IReadOnlyList<Pipe> Pipes { get; }

    /// <summary>Whether there is a node of this name.</summary>
    /// <param name="node">The name.</param>
    public bool Has(string node) => _numbers.ContainsKey(node);

    /// <summary>Where the middle of a pipe is.</summary>
    internal Place Middle(Pipe pipe)
    {
        Place from = Nodes[_numbers[pipe.From]], to = Nodes[_numbers[pipe.To]];
        return new Place(pipe.Name, (from.X + to.X) / 2, (from.Y + to.Y) / 2);
    }

    /// <summary>The two ends of a pipe.</summary>
    internal (Place From, Place To) Ends(Pipe pipe) => (Nodes[_numbers[pipe.From]], Nodes[_numbers[pipe.To]]);

    /// <summary>The node that is nearest as the crow flies.</summary>
    internal string Nearest(double x, double y) =>
        Nodes.MinBy(node => (node.X - x) * (node.X - x) + (node.Y - y) * (node.Y - y))!.Name;

    /// <summary>
    /// How far the middle of each pipe is from a node, along pipes (E. W. Dijkstra, Numerische Mathematik 1, 1959);
    /// <see cref="double.PositiveInfinity"/>: they are not connected.
    /// </summary>
    /// <param name="node">The node.</param>
    public double[] Distances(string node)
    {
        double[] distance = new double[Nodes.Count];
        Array.Fill(distance, double.PositiveInfinity);
        PriorityQueue<int, double> next = new();
        distance[_numbers[node]] = 0;
        next.Enqueue(_numbers[node], 0);
        while (next.TryDequeue(out int at, out double far))
        {
            if (far > distance[at]) continue;
            foreach ((int to, double length) in _links[at])
            {
                if (!(far + length < distance[to])) continue;
                distance[to] = far + length;
                next.Enqueue(to, far + length);
            }
        }
        return [.. Pipes.Select(pipe => (distance[_numbers[pipe.From]] + distance[_numbers[pipe.To]]) / 2)];
    }

    private int Number(Pipe pipe, string node) => _numbers.TryGetValue(node, out int number) ? number
        : throw new ArgumentException($"The pipe {pipe.Name} ends at the node {node}, which is not there.", nameof(pipe));
}
