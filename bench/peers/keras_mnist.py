"""The mnist-autoencoder in Keras on TensorFlow, by fit with its defaults."""

import os
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import tensorflow as tf

import mnist

args = mnist.options()
tf.config.threading.set_intra_op_parallelism_threads(args.threads)
keras.utils.set_random_seed(1)

x = mnist.images("train").astype("float32")
x /= 255
model = keras.Sequential(
    [keras.Input([784])]
    + [keras.layers.Dense(units, activation="relu") for units in mnist.UNITS]
    + [keras.layers.Dense(784, activation="sigmoid")]
)
model.compile(keras.optimizers.Adam(1e-3), loss="binary_crossentropy")


class Clock(keras.callbacks.Callback):
    """Takes the time of every epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


clock = Clock()
model.fit(x, x, batch_size=mnist.BATCH, epochs=args.epochs, shuffle=True, verbose=0, callbacks=[clock])

peak = mnist.peak_rss_bytes()
test = mnist.images("t10k").astype("float32") / 255
bce = model.evaluate(test, test, batch_size=1000, verbose=0)
mnist.report("Keras", f"{keras.__version__}, TensorFlow {tf.__version__}", clock.seconds, peak, bce)
