using Dynamo.Pipeline.Host;

NativeHeap.Share();
return (int)await DynamoHost.MainAsync(args);
