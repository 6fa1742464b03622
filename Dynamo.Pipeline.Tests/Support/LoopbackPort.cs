using System.Net;
using System.Net.Sockets;

namespace Dynamo.Pipeline.Tests;

/// <summary>Ports for servers that cannot choose one themselves.</summary>
internal static class LoopbackPort
{
    /// <summary>
    /// Below the ports that systems give away by themselves: until the server listens, and while it is restarted, nobody takes it
    /// by accident.
    /// </summary>
    private const int First = 20_000, Last = 32_000;

    private static int s_next = Random.Shared.Next(First, Last);

    /// <summary>A free one, which no other test gets.</summary>
    public static int Next()
    {
        while (true)
        {
            int port = First + (Interlocked.Increment(ref s_next) % (Last - First));
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody listens there.
            }
        }
    }
}
