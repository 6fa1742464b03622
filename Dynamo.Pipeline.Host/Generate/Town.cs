using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>A leak that a town was given.</summary>
/// <param name="Pipe">The pipe it is at the middle of, by number.</param>
/// <param name="From">Its first step.</param>
/// <param name="To">The step after its last one.</param>
/// <param name="Size">How much it takes when it is fully there, in the unit of the inflow.</param>
/// <param name="GrowsFor">How many steps it grows for; 0: it is sudden.</param>
internal sealed record TownLeak(int Pipe, int From, int To, double Size, int GrowsFor);

/// <summary>
/// An invented district meter area: a small grid of pipes with one inlet, customers at the nodes, an inflow that follows the hours, the
/// week and the season, pressures that fall with distance and flow, and leaks. Only sums, products, quotients and square roots are used,
/// which are the same on every machine. Immutable once made, and safe for many threads.
/// </summary>
internal sealed class Town
{
    public const int StepsPerDay = 96;

    private const int Side = 7;
    private const double Head = 60, PerMetre = 1.5;

    private static readonly double[] s_demandOfHour =
    [
        0.35, 0.30, 0.28, 0.28, 0.32, 0.52, 0.95, 1.45, 1.50, 1.30, 1.15, 1.10,
        1.15, 1.10, 1.00, 0.98, 1.05, 1.25, 1.50, 1.55, 1.35, 1.05, 0.75, 0.50,
    ];

    private static readonly double[] s_demandOfHourOnFreeDays =
    [
        0.45, 0.36, 0.30, 0.27, 0.27, 0.30, 0.48, 0.85, 1.25, 1.50, 1.55, 1.48,
        1.40, 1.28, 1.12, 1.04, 1.06, 1.18, 1.35, 1.40, 1.25, 1.02, 0.78, 0.58,
    ];

    /// <summary>The demands, in parts of the mean, that heads are worked out for.</summary>
    private static readonly double[] s_grid = [0.2, 0.6, 1.0, 1.4, 1.9];

    private readonly ulong _seed;
    private readonly double[] _share, _diameter;
    private readonly (int From, int To)[] _ends;
    private readonly double[][] _losses;
    private readonly double[][][] _lossesOfLeak;

    /// <summary>Makes one.</summary>
    /// <param name="seed">Chooses everything that is not given.</param>
    /// <param name="loggers">How many pressure loggers.</param>
    /// <param name="mean">The mean inflow.</param>
    /// <param name="leaks">The leaks.</param>
    /// <param name="noise">How noisy the inflow is, in parts of it; about 0.03 for a large area.</param>
    public Town(long seed, int loggers, double mean, IReadOnlyList<TownLeak> leaks, double noise = 0.03)
    {
        (_seed, Mean, Leaks, Noise) = (SplitMix.Hash((ulong)seed, 77, 0), mean, leaks, noise);
        List<Place> nodes = [];
        for (int i = 0; i < Side * Side; i++)
            nodes.Add(new Place($"N{i + 1:00}", i % Side * 120 + Random(1, i) * 60, i / Side * 120 + Random(2, i) * 60));
        List<(int From, int To)> ends = [];
        for (int i = 0; i < Side * Side; i++)
        {
            // Every node but the first hangs on one before it, so that all are connected; most other neighbours are as well.
            bool right = i % Side > 0, up = i >= Side;
            bool byRight = right && (!up || Random(3, i) < 0.5);
            if (right && (byRight || Random(4, i) < 0.6)) ends.Add((i - 1, i));
            if (up && (!byRight || Random(5, i) < 0.6)) ends.Add((i - Side, i));
        }
        _ends = [.. ends];
        _diameter = [.. _ends.Select((end, p) =>
            end.From < Side && end.To < Side || end.From % Side == 0 && end.To % Side == 0 ? 0.2 : Random(6, p) < 0.4 ? 0.15 : 0.1)];
        Graph = new PipeGraph(nodes, _ends.Select((end, p) =>
            new Pipe($"P{p + 1:00}", nodes[end.From].Name, nodes[end.To].Name, Distance(nodes[end.From], nodes[end.To]))));
        double[] share = [.. nodes.Select((_, i) => 0.2 + Random(7, i) * Random(8, i))];
        _share = [.. share.Select(one => one / share.Sum())];
        int[] order = [.. Enumerable.Range(1, nodes.Count - 1).OrderBy(i => SplitMix.Hash(_seed, 9, (ulong)i))];
        LoggerNodes = [.. order.Take(loggers).Order()];
        _losses = [.. s_grid.Select(demand => Losses(demand, -1, 0))];
        _lossesOfLeak = [.. leaks.Select(leak => s_grid.Select(demand => Losses(demand, leak.Pipe, leak.Size / mean)).ToArray())];
    }

    /// <summary>The pipes.</summary>
    public PipeGraph Graph { get; }

    /// <summary>The mean inflow without leaks.</summary>
    public double Mean { get; }

    /// <summary>The leaks.</summary>
    public IReadOnlyList<TownLeak> Leaks { get; }

    /// <summary>The nodes that have a pressure logger.</summary>
    public IReadOnlyList<int> LoggerNodes { get; }

    private double Noise { get; }

    /// <summary>What is taken in at a step; step 0 begins a Wednesday.</summary>
    public double Inflow(int step) => Demand(step) * Mean + Leaks.Sum(leak => Size(leak, step));

    /// <summary>The pressure at a logger, in metres.</summary>
    public double Pressure(int logger, int step)
    {
        int node = LoggerNodes[logger];
        double demand = Demand(step), loss = Between(_losses, demand, node);
        for (int l = 0; l < Leaks.Count; l++)
        {
            double size = Size(Leaks[l], step);
            if (size > 0) loss += (Between(_lossesOfLeak[l], demand, node) - Between(_losses, demand, node)) * size / Leaks[l].Size;
        }
        return Head + 0.5 * Normal(20, step / StepsPerDay) + 0.1 * Normal(21, step) - loss + 0.05 * Normal(22 + (ulong)logger, step);
    }

    private static double Size(TownLeak leak, int step)
    {
        if (step < leak.From || step >= leak.To) return 0;
        double part = leak.GrowsFor == 0 ? 1 : Math.Min(1, (step - leak.From) / (double)leak.GrowsFor);
        return leak.Size * part * part;
    }

    /// <summary>In parts of the mean. A tenth leaks all the time.</summary>
    private double Demand(int step)
    {
        int day = step / StepsPerDay, weekday = (day + 3) % 7, hour = step % StepsPerDay / 4, quarter = step % 4;
        double[] shape = weekday is 0 or 6 ? s_demandOfHourOnFreeDays : s_demandOfHour;
        double now = shape[hour] + (shape[(hour + 1) % 24] - shape[hour]) * quarter / 4;
        // A year as a triangle, highest in July.
        double season = 1 + 0.1 * (1 - Math.Abs((day % 365 - 196 + 365) % 365 - 182.5) / 91.25) * -1;
        return 0.1 + 0.9 * now * season * (1 + 0.01 * Normal(30, day)) * (1 + Noise * Normal(31, step));
    }

    private static double Between(double[][] losses, double demand, int node)
    {
        int i = 0;
        while (i < s_grid.Length - 2 && demand > s_grid[i + 1]) i++;
        return losses[i][node] + (losses[i + 1][node] - losses[i][node]) * (demand - s_grid[i]) / (s_grid[i + 1] - s_grid[i]);
    }

    /// <summary>
    /// Head lost up to each node, with losses that grow with the square of the flow. Each round solves a linear network whose pipes conduct
    /// as they did at the flows before (J. Hydraul. Div., D. J. Wood and C. O. A. Charles, 1972).
    /// </summary>
    private double[] Losses(double demand, int leakPipe, double leak)
    {
        int n = _share.Length;
        double[] drawn = [.. _share.Select(one => one * demand)], conducts = new double[_ends.Length], resists = new double[_ends.Length];
        if (leakPipe >= 0)
        {
            drawn[_ends[leakPipe].From] += leak / 2;
            drawn[_ends[leakPipe].To] += leak / 2;
        }
        for (int p = 0; p < resists.Length; p++)
        {
            double d = _diameter[p] / 0.15;
            resists[p] = PerMetre * Graph.Pipes[p].Length / 10 / (d * d * d * d * d);
            conducts[p] = 1 / (resists[p] * 0.1);
        }
        double[] loss = new double[n], m = new double[n * (n + 1)];
        for (int round = 0; round < 25; round++)
        {
            Array.Clear(m);
            for (int p = 0; p < _ends.Length; p++)
            {
                (int a, int b) = _ends[p];
                m[a * (n + 1) + a] += conducts[p];
                m[b * (n + 1) + b] += conducts[p];
                m[a * (n + 1) + b] -= conducts[p];
                m[b * (n + 1) + a] -= conducts[p];
            }
            for (int i = 0; i < n; i++) m[i * (n + 1) + n] = drawn[i];
            Solve(m, n, loss);
            for (int p = 0; p < _ends.Length; p++)
            {
                double flow = Math.Max(1e-4, conducts[p] * Math.Abs(loss[_ends[p].From] - loss[_ends[p].To]));
                conducts[p] = Math.Sqrt(conducts[p] / (resists[p] * flow));
            }
        }
        return loss;
    }

    /// <summary>The first node is the inlet, where nothing is lost.</summary>
    private static void Solve(double[] m, int n, double[] loss)
    {
        int width = n + 1;
        for (int a = 1; a < n; a++)
        {
            for (int row = a + 1; row < n; row++)
            {
                double by = m[row * width + a] / m[a * width + a];
                if (by == 0) continue;
                for (int column = a; column <= n; column++) m[row * width + column] -= by * m[a * width + column];
            }
        }
        loss[0] = 0;
        for (int a = n - 1; a > 0; a--)
        {
            double sum = m[a * width + n];
            for (int column = a + 1; column < n; column++) sum -= m[a * width + column] * loss[column];
            loss[a] = sum / m[a * width + a];
        }
    }

    private static double Distance(Place a, Place b) => Math.Sqrt((a.X - b.X) * (a.X - b.X) + (a.Y - b.Y) * (a.Y - b.Y));

    private double Random(ulong stream, int a) => (SplitMix.Hash(_seed, stream, (ulong)a) >> 11) / (double)(1UL << 53);

    /// <summary>Twelve uniform numbers, less six: nearly normal, and no more than sums.</summary>
    private double Normal(ulong stream, int a)
    {
        double sum = -6;
        for (ulong i = 0; i < 12; i++) sum += (SplitMix.Hash(_seed, stream, (ulong)a, i + 1) >> 11) / (double)(1UL << 53);
        return sum;
    }
}
