using System.Globalization;
using Dynamo.Pipeline.Host;

NativeHeap.Share();
// What is printed is the same on every machine; SqlClient does not connect where cultures are left out altogether.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.InvariantCulture;
CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
return (int)await DynamoHost.MainAsync(args);
