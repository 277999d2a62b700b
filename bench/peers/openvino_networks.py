"""The convolutional networks in OpenVINO, compiled for latency on one stream. The variant is
the precision that its hint asks for."""

import networks

import openvino
from openvino import properties

args = networks.options(["f32", "bf16"], model=True)
case = args.case

core = openvino.Core()
compiled = core.compile_model(core.read_model(args.model), "CPU", {
    properties.inference_num_threads: args.threads,
    properties.num_streams: 1,
    properties.hint.performance_mode: properties.hint.PerformanceMode.LATENCY,
    properties.hint.inference_precision: openvino.Type.f32 if args.variant == "f32" else openvino.Type.bf16,
})
request = compiled.create_infer_request()
request.set_input_tensor(openvino.Tensor(case.input(nchw=True)))
case.check(case.parameters, compiled.output(0).shape, nchw=True)  # the parameters were counted where the file was written

if args.output:
    request.infer()
    networks.np.save(args.output, request.get_output_tensor().data.transpose(0, 2, 3, 1))
    raise SystemExit
times = networks.measure(request.infer, args.seconds)
precision = compiled.get_property(properties.hint.inference_precision)
networks.report(f"OpenVINO {precision.to_string()}", openvino.__version__.split("-")[0], case, times)
