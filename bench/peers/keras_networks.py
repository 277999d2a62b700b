"""The convolutional networks in Keras on TensorFlow. Variants: function, a tf.function of
the model or of the training step; xla, the same compiled by XLA; fit, what users write:
predict_on_batch and train_on_batch; frozen, for inference, the function with its weights
turned into constants."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import tensorflow as tf

import networks

args = networks.options(["function", "xla", "fit", "frozen"])
case = args.case
tf.config.threading.set_intra_op_parallelism_threads(args.threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
keras.utils.set_random_seed(1)


class Builder:
    """Builds a functional model."""

    def __init__(self, weights=None):
        self.weights, self.values = weights, []

    def draw(self, k, fan_in, filters, bias, transposed=False):
        if self.weights:
            kernel = self.weights.kernel(k, fan_in, filters)
            self.values.append(kernel.transpose(0, 1, 3, 2) if transposed else kernel)
            if bias:
                self.values.append(self.weights.bias(filters))

    def conv(self, x, filters, k, relu=False, norm=False):
        self.draw(k, x.shape[-1], filters, not norm)
        activation = "relu" if relu and not norm else None
        x = keras.layers.Conv2D(filters, k, padding="same", use_bias=not norm, activation=activation)(x)
        if norm:
            if self.weights:
                self.values += [networks.np.full(filters, v, "float32") for v in (1, 0, 0, 1)]  # gamma, beta, mean, variance
            x = keras.layers.BatchNormalization(momentum=networks.BN_MOMENTUM, epsilon=networks.BN_EPSILON)(x)
            if relu:
                x = keras.layers.ReLU()(x)
        return x

    def up(self, x, filters, k, stride):
        self.draw(k, x.shape[-1], filters, True, transposed=True)
        return keras.layers.Conv2DTranspose(filters, k, stride, padding="same")(x)

    def pool(self, x):
        return keras.layers.MaxPooling2D(2)(x)

    def concat(self, a, b):
        return keras.layers.Concatenate()([a, b])

    def add(self, a, b):
        return keras.layers.Add()([a, b])


builder = Builder(networks.Weights() if args.output else None)
inputs = keras.Input([case.h, case.w, case.channels], batch_size=case.batch)
model = keras.Model(inputs, case.build(builder, inputs))
case.check(model.count_params(), model.output.shape)
x = tf.constant(case.input())
xla = args.variant == "xla"

if case.training:
    target = tf.constant(case.target())
    optimizer = keras.optimizers.Adam(1e-3)
    loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
    if args.variant == "fit":
        model.compile(optimizer, loss=loss_of)
        once = lambda: model.train_on_batch(x, target)
    else:
        optimizer.build(model.trainable_variables)

        @tf.function(jit_compile=xla)
        def step(x, target):
            with tf.GradientTape() as tape:
                loss = loss_of(target, model(x, training=True))
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            return loss

        once = lambda: step(x, target).numpy()
elif args.variant == "fit":
    batch = case.input()
    once = lambda: model.predict_on_batch(batch)
else:
    run = tf.function(lambda x: model(x, training=False), jit_compile=xla)
    if args.variant == "frozen":
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        frozen = convert_variables_to_constants_v2(run.get_concrete_function(tf.TensorSpec(x.shape, x.dtype)))
        run = lambda x: frozen(x)[0]
    once = lambda: run(x).numpy()

if args.output:
    model.set_weights(builder.values)
    networks.np.save(args.output, once())
    raise SystemExit
times = networks.measure(once, args.seconds)
networks.report(f"Keras {args.variant}", f"{keras.__version__}, TensorFlow {tf.__version__}", case, times)
