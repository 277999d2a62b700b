"""Test ELBO of Keras's variational autoencoder on MNIST.

    python vae_peer.py DIR [SEEDS]

DIR holds MNIST's four IDX files, gzipped; SEEDS is how many seeds (1). The networks, the
loss and the schedule are those of the example keras.io/examples/generative/vae (fchollet,
"Variational AutoEncoder"), but for the data: the example trains on all 70,000 digits, this
on the 60,000 alone, so that the others can judge. The ELBO is the example's loss: binary
cross-entropy summed over pixels plus KL divergence summed over the code, in nats, mean over
the 10,000 test digits, of DRAWS codes each. Results, one a seed, go to vae_peer.json beside this file.
"""
import gzip, json, os, pathlib, sys, time

for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[name] = "2"
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

EPOCHS, BATCH, LATENT, DRAWS = 30, 128, 2, 10
OUT = pathlib.Path(__file__).with_suffix(".json")


class Sampling(layers.Layer):
    """Uses (z_mean, z_log_var) to sample z, the vector encoding a digit."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        epsilon = keras.random.normal(shape=ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


def networks():
    x = encoder_inputs = keras.Input(shape=(28, 28, 1))
    x = layers.Conv2D(32, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Conv2D(64, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(16, activation="relu")(x)
    z_mean = layers.Dense(LATENT, name="z_mean")(x)
    z_log_var = layers.Dense(LATENT, name="z_log_var")(x)
    encoder = keras.Model(encoder_inputs, [z_mean, z_log_var, Sampling()([z_mean, z_log_var])])
    x = latent_inputs = keras.Input(shape=(LATENT,))
    x = layers.Dense(7 * 7 * 64, activation="relu")(x)
    x = layers.Reshape((7, 7, 64))(x)
    x = layers.Conv2DTranspose(64, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Conv2DTranspose(32, 3, activation="relu", strides=2, padding="same")(x)
    return encoder, keras.Model(latent_inputs, layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x))


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder

    def losses_of(self, data):
        z_mean, z_log_var, z = self.encoder(data)
        reconstruction = self.decoder(z)
        reconstruction_loss = ops.mean(ops.sum(keras.losses.binary_crossentropy(data, reconstruction), axis=(1, 2)))
        kl_loss = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
        return reconstruction_loss, ops.mean(ops.sum(kl_loss, axis=1))

    def train_step(self, data):
        with tf.GradientTape() as tape:
            reconstruction_loss, kl_loss = self.losses_of(data)
            total_loss = reconstruction_loss + kl_loss
        grads = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        return {"loss": total_loss, "kl": kl_loss}


def pictures(folder, part):
    raw = gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz").read()
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28, 1).astype("float32") / 255


def main():
    folder, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    train, test = pictures(folder, "train"), pictures(folder, "t10k")
    results = json.loads(OUT.read_text()) if OUT.exists() else {}
    for seed in range(1, seeds + 1):
        keras.utils.set_random_seed(seed)
        vae = VAE(*networks())
        vae.compile(optimizer=keras.optimizers.Adam())
        start = time.time()
        vae.fit(train, epochs=EPOCHS, batch_size=BATCH, verbose=2)
        evaluate = tf.function(vae.losses_of)
        sums = [np.array([float(v) for v in evaluate(batch)]) for _ in range(DRAWS) for batch in np.split(test, 20)]
        bce, kl = np.mean(sums, axis=0)
        results[f"seed {seed}"] = {
            "elbo": round(float(bce + kl), 3), "kl": round(float(kl), 3),
            "parameters": vae.encoder.count_params() + vae.decoder.count_params(),
            "versions": f"Keras {keras.__version__}, TensorFlow {tf.__version__}"}
        print(seed, results[f"seed {seed}"], f"{time.time() - start:.0f} s", flush=True)
        OUT.write_text(json.dumps(results, indent=1) + "\n")


main()
