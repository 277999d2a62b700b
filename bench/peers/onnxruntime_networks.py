"""The convolutional networks in ONNX Runtime: one graph optimised for one size, its inputs
and outputs bound to memory of their own."""

import networks

import onnxruntime

args = networks.options(["float32"], model=True)
case = args.case

settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = args.threads
settings.inter_op_num_threads = 1
settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
settings.add_session_config_entry("session.intra_op.allow_spinning", "1")
session = onnxruntime.InferenceSession(args.model, settings, providers=["CPUExecutionProvider"])

x = onnxruntime.OrtValue.ortvalue_from_numpy(case.input(nchw=True))
y = onnxruntime.OrtValue.ortvalue_from_shape_and_type(session.get_outputs()[0].shape, networks.np.float32)
binding = session.io_binding()
binding.bind_ortvalue_input(session.get_inputs()[0].name, x)
binding.bind_ortvalue_output(session.get_outputs()[0].name, y)
case.check(case.parameters, y.shape(), nchw=True)  # the parameters were counted where the file was written

if args.output:
    session.run_with_iobinding(binding)
    networks.np.save(args.output, y.numpy().transpose(0, 2, 3, 1))
    raise SystemExit
times = networks.measure(lambda: session.run_with_iobinding(binding), args.seconds)
networks.report("ONNX Runtime", onnxruntime.__version__, case, times)
